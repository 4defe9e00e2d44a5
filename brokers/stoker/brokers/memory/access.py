"""The way to the store: for one caller at a time, from whichever thread and event loop it comes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from stoker.brokers.hints import READY_EVERY, Hints
from stoker.brokers.instant import HostClock, Instant
from stoker.brokers.memory import looking
from stoker.brokers.memory.store import Store
from stoker.brokers.notes import Notes
from stoker.jobs.errors import BrokerUnavailable, JobNotFound
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup

T = TypeVar("T")
Verb = Callable[[Store, Instant], T]


class Access:
    """One lock around the store; whoever waits for what a verb made true is told within it."""

    def __init__(self, store: Store, clock: HostClock) -> None:
        self._store = store
        self._clock = clock
        self._hints = Hints()
        self._lock = threading.Lock()
        self._entered = 0

    def enter(self) -> None:
        with self._lock:
            self._entered += 1

    def leave(self) -> None:
        """The last one to leave closes; everybody who waits is woken, to be refused."""
        with self._lock:
            self._entered -= 1
            if not self._entered:
                self._hints.ring_all()

    async def do(self, verb: Verb[T]) -> T:
        """Run a verb. Raises what it raises, or BrokerUnavailable if nobody has entered."""
        # Once around the loop, as with any other broker: a caller in a circle lets others run, and
        # one that is cancelled here has changed nothing.
        await asyncio.sleep(0)
        with self._lock:
            if not self._entered:
                raise BrokerUnavailable("the memory broker is not open: enter it with `async with`")
            notes = self._store.notes = Notes()
            try:
                return verb(self._store, self._clock.now())
            finally:
                self._hints.tell(notes)

    async def settled(self, id: str, timeout: float) -> Job | None:
        """See `Operate.settled`."""
        with self._lock:
            bell = self._hints.wait(id)
        try:
            job = await self._existing(id)
            async with asyncio.timeout(timeout):
                while not job.state.final:
                    await bell.wait()
                    job = await self._existing(id)
            return job
        except TimeoutError:
            return None
        finally:
            with self._lock:
                self._hints.leave(id, bell)

    async def _existing(self, id: str) -> Job:
        (job,) = await self.do(lambda store, _: looking.get(store, [id]))
        if job is None:
            raise JobNotFound(f"there is no job {id}")
        return job

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        """See `Broker.wakeups`."""
        with self._lock:
            listener = self._hints.listen()
        loop = asyncio.get_running_loop()
        try:
            await self.do(lambda store, now: None)
            yield Wakeup("ready")
            while True:
                told_at = loop.time()
                await listener.bell.wait()
                await asyncio.sleep(told_at + READY_EVERY - loop.time())
                for wakeup in await self.do(lambda store, now: listener.take()):
                    yield wakeup
        finally:
            with self._lock:
                self._hints.unlisten(listener)
