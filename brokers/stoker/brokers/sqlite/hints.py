"""Who wants to know what the writer has just made true, in this process and in others."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from stoker.brokers.sqlite.transaction import Notes
from stoker.brokers.sqlite.wake import Letterbox, Post
from stoker.brokers.sqlite.writer import Tell
from stoker.jobs.errors import JobNotFound
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup

Get = Callable[[Sequence[str]], Awaitable[list[Job | None]]]

READY_EVERY = 0.005
"""Seconds between hints about ready jobs: the first goes at once, what follows goes together."""
IDS_PER_LETTER = 500
SETTLED_LOOK = 2.0
"""Seconds between looks at a job that somebody waits for, if no hint comes at all."""


class Listener:
    """One `wakeups()`: hints gather here, bounded, until they are taken."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._queues: set[str] = set()
        self._ids: set[str] = set()
        self._kinds: set[str] = {"ready"}
        self._any = True

    def give(self, wakeup: Wakeup) -> None:
        """From this listener's loop."""
        self._kinds.add(wakeup.kind)
        if wakeup.kind == "ready":
            self._any = self._any or not wakeup.queues
            self._queues.update(wakeup.queues)
        elif wakeup.kind == "cancel":
            self._ids.update(wakeup.ids)
        self._event.set()

    def give_from_thread(self, wakeup: Wakeup) -> None:
        try:
            self._loop.call_soon_threadsafe(self.give, wakeup)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    async def take(self) -> list[Wakeup]:
        """What has come since; the first time, at once, a hint to look."""
        if not self._kinds:
            self._event.clear()
            await self._event.wait()
        taken = []
        for kind in self._kinds:
            if kind == "ready":
                taken.append(Wakeup("ready", () if self._any else tuple(sorted(self._queues))))
            elif kind == "cancel":
                taken.append(Wakeup("cancel", ids=tuple(self._ids)))
            elif kind == "pause":
                taken.append(Wakeup("pause"))
        self._kinds, self._queues, self._ids, self._any = set(), set(), set(), False
        return taken


class Waiter:
    """One `settled()`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.look = asyncio.Event()

    def wake_from_thread(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self.look.set)
        except RuntimeError:
            if not self._loop.is_closed():
                raise


class Hints(Tell):
    """Of one broker instance. What the writer calls runs in its thread, the rest on callers' loops."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._post = Post(database)
        self._listeners: tuple[Listener, ...] = ()
        self._waiters: dict[str, tuple[Waiter, ...]] = {}
        self._wait_box: Letterbox | None = None
        self._boxes: frozenset[str] = frozenset()
        self._ready: set[str] = set()
        self._ready_sent = 0.0

    # In the writer's thread.

    def before_commit(self, notes: Notes) -> None:
        # So early, because whoever is told takes about as long to wake up as the disk to write.
        if notes.ready:
            self._ready |= notes.ready
            self.flush()

    def after_commit(self, notes: Notes) -> None:
        if notes.cancelled:
            self._tell(Wakeup("cancel", ids=tuple(notes.cancelled)))
        if notes.paused:
            self._tell(Wakeup("pause"))
        if notes.settled:
            self._wake(notes.settled)
            if self._post.has(".wait"):
                for begin in range(0, len(notes.settled), IDS_PER_LETTER):
                    ids = tuple(notes.settled[begin : begin + IDS_PER_LETTER])
                    self._post.send(".wait", Wakeup("settled", ids=ids), self._boxes)

    def others_wrote(self) -> None:
        for listener in self._listeners:
            listener.give_from_thread(Wakeup("ready"))
        self._wake(list(self._waiters))

    def flush(self) -> float | None:
        if not self._ready:
            return None
        now = time.monotonic()
        wait = self._ready_sent + READY_EVERY - now
        if wait > 0:
            return wait
        self._ready_sent = now
        queues, self._ready = self._ready, set()
        self._tell(Wakeup("ready", tuple(sorted(queues))))
        return None

    def close(self) -> None:
        self._post.close()

    def _tell(self, wakeup: Wakeup) -> None:
        for listener in self._listeners:
            listener.give_from_thread(wakeup)
        self._post.send(".ready", wakeup, self._boxes)

    def _wake(self, ids: Iterable[str]) -> None:
        if self._waiters:
            for id in ids:
                for waiter in self._waiters.get(id, ()):
                    waiter.wake_from_thread()

    # On a caller's loop.

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        """See `Broker.wakeups`."""
        listener = Listener()
        box = Letterbox.open(self._database, "ready", listener.give)
        self._listeners += (listener,)
        self._keep(box)
        try:
            while True:
                for wakeup in await listener.take():
                    yield wakeup
        finally:
            self._listeners = tuple(each for each in self._listeners if each is not listener)
            self._drop(box)

    async def settled(self, id: str, timeout: float, get: Get) -> Job | None:
        """See `Operate.settled`."""
        waiter = self._wait(id)
        try:
            job = await _existing(id, get)
            async with asyncio.timeout(timeout):
                while not job.state.final:
                    await _until_set(waiter.look)
                    waiter.look.clear()
                    job = await _existing(id, get)
            return job
        except TimeoutError:
            return None
        finally:
            self._leave(id, waiter)

    def _wait(self, id: str) -> Waiter:
        """From now on, tell when this job may be final. To be undone by `_leave`."""
        if self._wait_box is None:
            self._wait_box = Letterbox.open(
                self._database, "wait", lambda letter: self._wake(letter.ids or list(self._waiters))
            )
            self._keep(self._wait_box)
        waiter = Waiter()
        self._waiters = {**self._waiters, id: (*self._waiters.get(id, ()), waiter)}
        return waiter

    def _leave(self, id: str, waiter: Waiter) -> None:
        rest = tuple(each for each in self._waiters.get(id, ()) if each is not waiter)
        waiters = {key: value for key, value in self._waiters.items() if key != id}
        self._waiters = {**waiters, id: rest} if rest else waiters
        if not self._waiters:
            box, self._wait_box = self._wait_box, None
            self._drop(box)

    def _keep(self, box: Letterbox | None) -> None:
        if box is not None:
            self._boxes |= {box.name}

    def _drop(self, box: Letterbox | None) -> None:
        if box is not None:
            self._boxes -= {box.name}
            box.close()


async def _existing(id: str, get: Get) -> Job:
    (job,) = await get([id])
    if job is None:
        raise JobNotFound(f"there is no job {id}")
    return job


async def _until_set(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(SETTLED_LOOK):
            await event.wait()
    except TimeoutError:
        pass
