"""What makes a daemon stop, and stop faster: signals, and a run that cannot be ended."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import anyio

from stoker.daemon.supervision.actor import Actor
from stoker.daemon.surroundings import Surroundings
from stoker.jobs.events import DaemonStopping

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Runs an actor until there is a reason to stop; the actor then ends in its own order."""

    def __init__(
        self, around: Surroundings, *, hurry: Callable[[], None], running: Callable[[], int | None]
    ) -> None:
        """`hurry` makes a stop faster that is under way; `running` counts the runs, for the logs."""
        self._around = around
        self._hurry = hurry
        self._running = running
        self._scope = anyio.CancelScope()
        self._passing_on: list[asyncio.Future[None]] = []

    async def run(self, actor: Actor) -> None:
        """Until it was stopped, or has ended by itself; raises what it raises."""
        try:
            with self._scope:
                await actor.run(task_status=anyio.TASK_STATUS_IGNORED)
        finally:
            for task in self._passing_on:
                task.cancel()

    def stop(self, why: str) -> None:
        """Let the actor end in order. Only the first reason counts."""
        if not self._scope.cancel_called:
            self._tell(why)
            self._scope.cancel()

    def stop_on(self, event: asyncio.Event, why: str) -> None:
        """Stop as soon as this event is set."""
        self._after(event, lambda: self.stop(why))

    def hurry_on(self, event: asyncio.Event) -> None:
        """Hurry as soon as this event is set."""
        self._after(event, self._hurry)

    def signalled(self, name: str) -> None:
        """The first signal stops, and every other one hurries."""
        if self._scope.cancel_called:
            self._tell(f"{name} again: hurrying")
            self._hurry()
        else:
            self.stop(name)

    def _tell(self, why: str) -> None:
        self._around.emit(DaemonStopping(self._around.name, why, self._running()))

    def _after(self, event: asyncio.Event, call: Callable[[], None]) -> None:
        async def wait() -> None:
            await event.wait()
            call()

        self._passing_on.append(asyncio.ensure_future(wait()))


class Signals:
    """Hears SIGTERM and SIGINT from a daemon's first moment on; for one event loop, and one task."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._stopping: Stopping | None = None
        self._broken_off = False

    def stop_with(self, stopping: Stopping) -> None:
        """The start is over: from now on a signal means this."""
        self._stopping = stopping

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within, signals stop. One that comes during the start cancels it, and ends the block."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        with ExitStack() as stack:
            for number in SIGNALS:
                loop.add_signal_handler(number, self._hear, signal.Signals(number).name, task)
                stack.callback(loop.remove_signal_handler, number)
            try:
                yield
            except asyncio.CancelledError:
                if not self._broken_off:
                    raise
                task.uncancel()

    def _hear(self, name: str, task: asyncio.Task[object]) -> None:
        if self._stopping is not None:
            self._stopping.signalled(name)
        elif not self._broken_off:
            self._broken_off = True
            self._around.emit(DaemonStopping(self._around.name, f"{name} during the start", None))
            task.cancel()
