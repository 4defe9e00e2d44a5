"""Hints on their way in: a connection of its own that listens, tried out before it is trusted.

Where nothing comes in (a transaction pooler takes LISTEN without an error and delivers nothing), those
who listen are woken now and then instead.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import psycopg

from stoker.brokers.hints import Bell, Hints
from stoker.brokers.notes import Notes
from stoker.brokers.postgres.address import Address
from stoker.brokers.postgres.connecting import connect
from stoker.brokers.postgres.telling import CHANNEL, read
from stoker.brokers.postgres.wire import Wire
from stoker.brokers.tasks import ended
from stoker.jobs.errors import BrokerError, BrokerUnavailable, JobNotFound
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup

TRIED_FOR = 2.0
"""Seconds within which a listening connection must hear what the broker says to itself."""
DEAF_FOR = 60.0
"""Seconds until one that heard nothing is tried again."""
ALIVE_EVERY = 10.0
"""Seconds of silence after which the connection is asked whether it is still there."""
POLL_EVERY = 1.0
"""Seconds between hints to look, where nothing comes in; some more or less, so that not all look at
once."""
LOOK_FIRST, LOOK_LAST, LOOK_BEHIND = 0.05, 1.0, 2.0
"""Seconds between looks at a job that somebody waits for: where nothing comes in, and behind hints."""
BACKOFF_FIRST, BACKOFF_LAST = 0.1, 2.0
"""Seconds between attempts to listen again, half as long or half as much again."""


class Listening:
    """Of one broker instance, begun when somebody first wants to hear."""

    def __init__(self, address: Address, tell: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._address = address
        self._tell = tell
        self._hints = Hints()
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self.live = False
        """Whether hints come in."""
        self._closed = False

    async def begin(self) -> None:
        """Listen, if not yet; returns when it is known whether hints come in."""
        self._start()
        await self._tried.wait()
        self._refuse_closed()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await ended((self._task,))
        self._tried.set()
        self._hints.ring_all()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise BrokerUnavailable(f"{self._address.shown} was left")

    # What is heard

    async def _go_on(self) -> None:
        backoff = BACKOFF_FIRST
        while True:
            try:
                wire = await connect(self._address.listen)
                try:
                    await self._listen(wire)
                finally:
                    await wire.close()
                backoff = BACKOFF_FIRST
                wait = DEAF_FOR
            except (psycopg.Error, OSError, BrokerError):
                wait = backoff * random.uniform(0.5, 1.5)
                backoff = min(BACKOFF_LAST, 2 * backoff)
            finally:
                self.live = False
                self._tried.set()
            await asyncio.sleep(wait)

    async def _listen(self, wire: Wire) -> None:
        """Until the connection breaks; returns if nothing can be heard on it."""
        nonce = secrets.token_hex(8)
        heard = asyncio.Event()

        def hear(letter: str) -> None:
            if letter == nonce:
                heard.set()
            elif self.live and (notes := read(letter)) is not None:
                self._hints.tell(notes)

        wire.hear = hear
        await wire.script(f"LISTEN {CHANNEL}")
        await self._tell([nonce])
        try:
            async with asyncio.timeout(TRIED_FOR):
                await heard.wait()
        except TimeoutError:
            return
        self.live = True
        self._tried.set()
        self._look_everywhere()  # what was told meanwhile was told to nobody
        while not wire.lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_EVERY):
                    await wire.lost.wait()
            async with asyncio.timeout(ALIVE_EVERY):
                await wire.script("SELECT 1")  # raises on one that is lost

    def _look_everywhere(self) -> None:
        notes = Notes()
        notes.ready.add("")
        self._hints.tell(notes)
        self._hints.ring_all()

    # Who listens

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        """See `Broker.wakeups`."""
        self._refuse_closed()
        listener = self._hints.listen()
        try:
            await self.begin()
            yield Wakeup("ready")
            while True:
                if self.live:
                    await listener.bell.wait()
                else:
                    await _rung(listener.bell, POLL_EVERY * random.uniform(0.8, 1.2))
                self._refuse_closed()
                taken = listener.take()
                if not taken and not self.live:
                    taken = [Wakeup("ready")]
                for wakeup in taken:
                    yield _any_queue(wakeup)
        finally:
            self._hints.unlisten(listener)

    async def settled(
        self, id: str, timeout: float, look: Callable[[str], Awaitable[Job | None]]
    ) -> Job | None:
        """See `Operate.settled`. `look` asks for the job's end to be told, and gives the job."""
        self._refuse_closed()
        bell = self._hints.wait(id)
        try:
            job = await _existing(id, look)
            async with asyncio.timeout(timeout):
                if not job.state.final:
                    self._start()
                wait = LOOK_FIRST
                while not job.state.final:
                    await _rung(bell, wait)
                    wait = min(LOOK_BEHIND if self.live else LOOK_LAST, 1.5 * wait)
                    job = await _existing(id, look)
            return job
        except TimeoutError:
            return None
        finally:
            self._hints.leave(id, bell)


def _any_queue(wakeup: Wakeup) -> Wakeup:
    return Wakeup(wakeup.kind) if "" in wakeup.queues else wakeup


async def _existing(id: str, look: Callable[[str], Awaitable[Job | None]]) -> Job:
    job = await look(id)
    if job is None:
        raise JobNotFound(f"there is no job {id}")
    return job


async def _rung(bell: Bell, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
