"""Who wants to know what a verb has just made true: on the verb's own loop, or on another thread's."""

import asyncio
from collections.abc import Iterator

from stoker.brokers.notes import Notes
from stoker.jobs.operating import Wakeup

READY_EVERY = 0.005
"""Seconds between hints to one listener: the first goes at once, what follows goes together."""


class Bell:
    """An event of one loop, rung from any."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._rung = False

    def ring(self) -> None:
        """From a coroutine of any loop. What it is rung for has been written down before."""
        if self._rung:
            return
        self._rung = True
        if self._loop is asyncio.get_running_loop():
            self._event.set()
            return
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    async def wait(self) -> None:
        """Until it has been rung since the last time."""
        await self._event.wait()
        self._rung = False
        self._event.clear()


class Listener:
    """One `wakeups()`: hints gather here until they are taken."""

    def __init__(self) -> None:
        self.bell = Bell()
        self._ready: set[str] = set()
        self._cancelled: set[str] = set()
        self._paused = False

    def give(self, notes: Notes) -> None:
        if notes.ready or notes.cancelled or notes.paused:
            self._ready |= notes.ready
            self._cancelled.update(notes.cancelled)
            self._paused |= notes.paused
            self.bell.ring()

    def take(self) -> list[Wakeup]:
        """What has gathered, as few hints."""
        taken = []
        if self._cancelled:
            taken.append(Wakeup("cancel", ids=tuple(self._cancelled)))
        if self._ready:
            taken.append(Wakeup("ready", tuple(sorted(self._ready))))
        if self._paused:
            taken.append(Wakeup("pause"))
        self._ready, self._cancelled, self._paused = set(), set(), False
        return taken


class Hints:
    """Listeners and waiters of one broker. Everything here happens under the broker's lock."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._waiters: dict[str, list[Bell]] = {}

    def tell(self, notes: Notes) -> None:
        """Wake whoever wants to know this."""
        for listener in self._listeners:
            listener.give(notes)
        if self._waiters:
            for id in notes.settled:
                for bell in self._waiters.get(id, ()):
                    bell.ring()

    def ring_all(self) -> None:
        """Wake everybody: the broker was closed."""
        for bell in self._bells():
            bell.ring()

    def _bells(self) -> Iterator[Bell]:
        yield from (listener.bell for listener in self._listeners)
        for bells in self._waiters.values():
            yield from bells

    def listen(self) -> Listener:
        """From now on, hints gather. To be undone by `unlisten`."""
        listener = Listener()
        self._listeners.append(listener)
        return listener

    def unlisten(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def wait(self, id: str) -> Bell:
        """From now on, ring when this job is final or gone. To be undone by `leave`."""
        bell = Bell()
        self._waiters.setdefault(id, []).append(bell)
        return bell

    def leave(self, id: str, bell: Bell) -> None:
        self._waiters[id].remove(bell)
        if not self._waiters[id]:
            del self._waiters[id]
