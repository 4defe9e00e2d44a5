"""The broker's own connections: opened when needed, kept, and thrown away when anything is wrong.

A call runs in a task of its own, which nobody's cancellation reaches: a statement that is broken off
leaves its connection in the middle of it. Whoever waits gives up after
`DEADLINE`; that bounds a call also where the server, or a pooler in between, takes no timeouts.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from stoker.brokers.notes import Notes
from stoker.brokers.postgres.address import Address
from stoker.brokers.postgres.connecting import connect
from stoker.brokers.postgres.failures import AGAIN, mapped
from stoker.brokers.postgres.session import Rows, Session
from stoker.brokers.postgres.statements import ServerTime, Statements
from stoker.brokers.postgres.wire import Wire
from stoker.brokers.tasks import begun
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds for one call, waiting for a connection included."""
LONG_DEADLINE = 600.0
"""Seconds for what may rightly take long: migrations, and days of ended jobs that go at once."""
TRIES = 4
"""Of a call that the server gives up for another's sake."""
CLOSES_WITHIN = 5.0
"""Seconds for the calls that still run when the broker is left."""


class Own(Session):
    """One of the broker's own connections."""

    def __init__(self, wire: Wire, sql: Statements, time: ServerTime) -> None:
        self.sql = sql
        self.notes = Notes()
        self._wire = wire
        self._time = time

    async def rows(self, statement: str, *values: object) -> Rows:
        timed = self._time.of(statement)
        return await self._wire.rows(timed, values, prepared=timed is statement)

    @property
    def ahead(self) -> bool:
        return self._wire.prepares and self.usable and not self._time.moved

    async def rows_ahead(self, statement: str, *values: object) -> Rows:
        found, _ = await self._wire.pipeline((statement, values), (self.sql.flush, ()))
        return found

    async def script(self, text: str) -> None:
        """Run several statements, without parameters."""
        await self._wire.script(text)

    @asynccontextmanager
    async def whole(self) -> AsyncIterator[None]:
        if self._status != TransactionStatus.IDLE:
            yield  # within another, which makes it whole
            return
        await self.script("BEGIN")
        try:
            yield
        except BaseException:
            if not self.closed:
                await self.script("ROLLBACK")
            raise
        await self.script("COMMIT")

    async def wait_at_most(self, milliseconds: int) -> None:
        await self.script(f"SET LOCAL lock_timeout = {milliseconds:d}")

    @property
    def closed(self) -> bool:
        return self._wire.connection.closed

    @property
    def usable(self) -> bool:
        """Whether another call may have it."""
        return self._status == TransactionStatus.IDLE

    @property
    def _status(self) -> int:
        return self._wire.connection.pgconn.transaction_status

    async def close(self) -> None:
        await self._wire.close()


class Connections:
    """As many as calls run at once, up to a limit; calls beyond it wait in turn."""

    def __init__(
        self, address: Address, sql: Statements, time: ServerTime, *, deadline: float = DEADLINE
    ) -> None:
        self._deadline = deadline
        self._address = address
        self._sql = sql
        self._time = time
        self._idle: list[Own] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._going: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def call(self, verb: Callable[[Own], Awaitable[T]], *, long: bool = False) -> tuple[T, Notes]:
        """What the verb answers on some connection, and what others may be told of it.

        Raises BrokerUnavailable if that takes longer than the deadline; a `long` call has its own.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[T, Notes]] = loop.create_future()
        running = self._answer(verb, answer)
        task = begun(running) if self._at_hand() else loop.create_task(running)
        if task is None:
            return answer.result()
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        deadline = LONG_DEADLINE if long else self._deadline
        timer = loop.call_later(deadline, self._give_up, task, answer, deadline)
        try:
            return await answer
        finally:
            timer.cancel()

    def _give_up(
        self, task: "asyncio.Task[None]", answer: "asyncio.Future[Any]", deadline: float
    ) -> None:
        if not answer.done():
            text = f"{self._address.shown} did not answer within {deadline:g} s"
            answer.set_exception(BrokerUnavailable(text))
        task.cancel()

    async def _answer(
        self, verb: Callable[[Own], Awaitable[T]], answer: "asyncio.Future[tuple[T, Notes]]"
    ) -> None:
        """Whoever asked may have gone."""
        try:
            found = await self._call(verb)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(found)

    async def _call(self, verb: Callable[[Own], Awaitable[T]]) -> tuple[T, Notes]:
        for left in reversed(range(TRIES)):
            try:
                return await self._once(verb)
            except AGAIN as error:
                if not left:
                    raise mapped(error, self._address.shown) from error
            except (psycopg.Error, OSError) as error:
                raise mapped(error, self._address.shown) from error
        raise AssertionError("unreachable")

    async def _once(self, verb: Callable[[Own], Awaitable[T]]) -> tuple[T, Notes]:
        own = await self._take()
        own.notes = notes = Notes()
        try:
            return await verb(own), notes
        finally:
            await self._give(own)

    def _at_hand(self) -> bool:
        """Whether a call gets a connection without waiting for anything."""
        return bool(self._idle) and not self._closed and self._idle[-1].usable

    async def _take(self) -> Own:
        while True:
            if self._closed:
                raise BrokerUnavailable(f"{self._address.shown} was left")
            while self._idle:
                own = self._idle.pop()
                if own.usable:
                    return own
                await self._drop(own)
            if self._open < self._address.connections:
                return await self._connect()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    async def _connect(self) -> Own:
        self._open += 1
        try:
            wire = await connect(self._address.parameters)
        except BaseException:
            self._open -= 1
            self._next()
            raise
        return Own(wire, self._sql, self._time)

    async def _give(self, own: Own) -> None:
        if own.usable and not self._closed:
            self._idle.append(own)
        else:
            broken = own.closed
            await self._drop(own)
            if broken:
                # What has hit one has hit all: the server was restarted, or the network is gone.
                idle, self._idle = self._idle, []
                for each in idle:
                    await self._drop(each)
        self._next()

    async def _drop(self, own: Own) -> None:
        self._open -= 1
        await own.close()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        if self._going:
            await asyncio.wait(set(self._going), timeout=CLOSES_WITHIN)
        self._closed = True
        for task in set(self._going):
            task.cancel()
        while self._waiting:
            self._next()
        while self._idle:
            await self._drop(self._idle.pop())
