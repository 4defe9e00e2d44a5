"""A connection driven by libpq's own calls: for a daemon, which runs a few statements over and over.

psycopg opens it, and turns rows into Python's values. Between the two, its cursors do for every
statement what is the same each time; in a daemon that has been idle, and is to start a job now, that
takes longer than the server does. Callers' connections, and all that is rare, are left to psycopg.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, Error, OperationalError, errors
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from stoker.brokers.postgres.session import Rows

CANCELS_WITHIN = 1.0
"""Seconds for the server to be told that nobody waits any longer."""
_FAILED = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.NONFATAL_ERROR, ExecStatus.BAD_RESPONSE})


class Wire:
    """One connection, for one statement at a time. It belongs to the loop that it is made on.

    Where a statement is broken off, the connection is left in the middle of it, and is of no use.
    """

    def __init__(self, connection: AsyncConnection[Any], *, prepares: bool) -> None:
        self.connection = connection
        self.lost = asyncio.Event()
        """The server, or the network, has ended it."""
        self.hear: Callable[[str], None] | None = None
        """Is given the payload of each notification, as soon as it comes in."""
        self._pg = connection.pgconn
        self._values = Transformer(connection)
        self.prepares = prepares
        self._names: dict[str, bytes] = {}
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._socket = self._pg.socket
        self._loop.add_reader(self._socket, self._read)

    async def rows(self, statement: str, values: Sequence[object], *, prepared: bool = True) -> Rows:
        """Run one statement, which is planned once if it is `prepared`. Raises psycopg's errors."""
        given = [None if value is None else _text(value) for value in values]
        if prepared and self.prepares:
            name = self._names.get(statement) or await self._prepare(statement)
            self._pg.send_query_prepared(name, given, result_format=Format.BINARY)
        else:
            self._pg.send_query_params(statement.encode(), given, result_format=Format.BINARY)
        (result,) = await self._results()
        return self._loaded(result)

    async def pipeline(self, *several: tuple[str, Sequence[object]]) -> list[Rows]:
        """Run these one after the other, each for itself, of which all are sent before any is answered.

        What one makes true is seen before the next has ended.
        """
        names = [self._names.get(each) or await self._prepare(each) for each, _ in several]
        self._pg.enter_pipeline_mode()
        for name, (_, values) in zip(names, several, strict=True):
            given = [None if value is None else _text(value) for value in values]
            self._pg.send_query_prepared(name, given, result_format=Format.BINARY)
            self._pg.pipeline_sync()
        results = await self._results(syncs=len(several))
        self._pg.exit_pipeline_mode()
        return [self._loaded(result) for result in results]

    def _loaded(self, result: PGresult) -> Rows:
        if not result.nfields:
            return []
        self._values.set_pgresult(result)
        return self._values.load_rows(0, result.ntuples, tuple)

    async def script(self, text: str) -> None:
        """Run several statements, without parameters."""
        self._pg.send_query(text.encode())
        await self._results()

    async def _prepare(self, statement: str) -> bytes:
        name = b"stoker_%d" % len(self._names)
        self._pg.send_prepare(name, statement.encode())
        await self._results()
        self._names[statement] = name
        return name

    async def _results(self, syncs: int = 0) -> list[PGresult]:
        """What the server answers to what was sent, when it has answered all of it.

        In a pipeline that is so after so many syncs.
        """
        while self._pg.flush():
            await self._writable()
        found = deque[PGresult]()
        while True:
            while self._pg.is_busy():
                await self._readable()
            result = self._pg.get_result()
            if result is None:
                if not syncs:
                    break
            elif result.status == ExecStatus.PIPELINE_SYNC:
                syncs -= 1
                if not syncs:
                    break
            else:
                found.append(result)
        for result in found:
            if result.status in _FAILED:
                raise errors.error_from_result(result)
        return list(found)

    async def _readable(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    async def _writable(self) -> None:
        """A large statement goes out in parts; what comes in meanwhile is read."""
        waiter = self._loop.create_future()
        self._loop.add_writer(self._socket, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            self._pg.consume_input()
        except OperationalError as error:
            self._loop.remove_reader(self._socket)
            self.lost.set()
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)
            return
        if self.hear is not None:
            while (notification := self._pg.notifies()) is not None:
                self.hear(notification.extra.decode())
        if self._waiter is not None:
            _wake(self._waiter)

    async def close(self) -> None:
        """A statement that is under way is broken off, also where the server would not notice."""
        self._loop.remove_reader(self._socket)
        if self._pg.transaction_status == TransactionStatus.ACTIVE:
            with suppress(Error):
                await self.connection.cancel_safe(timeout=CANCELS_WITHIN)
        await self.connection.close()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _text(value: object) -> bytes:
    """As the server reads it: every parameter says its type by itself."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    return str(value).encode()
