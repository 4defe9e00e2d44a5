"""The entry of a worker process: `python -m stoker.daemon.children.worker FD PARENT`.

It runs the function that its parent names, and tells the parent each second that it lives.
"""

import asyncio
import faulthandler
import importlib
import io
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from stoker.daemon.children.frames import Alive, Hurry, NotReady, Setup, Stop, ToChild
from stoker.daemon.children.parentage import die_with_parent, leave_interrupts_to_parent
from stoker.daemon.children.wire import Wire
from stoker.daemon.settings import Settings
from stoker.jobs.codec import storable


class WorkerLife(msgspec.Struct, frozen=True):
    """What a worker process is given."""

    settings: Settings
    name: str
    """Its own, unique; also the one under which its parent gives its jobs back."""
    relative_to: Path
    """The folder to which the paths in the settings are relative."""
    hurried: asyncio.Event
    """Set when its end is to come faster."""


RunWorker = Callable[[WorkerLife], Awaitable[None]]
"""Works until it is cancelled, drains, and returns. Returning unasked is a wish to be replaced."""


class Heart:
    """Tells the parent, from a thread of its own, that this process lives.

    A handler that holds the interpreter silences it, and is meant to; one that only blocks the event
    loop does not.
    """

    def __init__(self, wire: Wire, beat: float) -> None:
        self.turns = 0
        self._wire = wire
        self._beat = beat
        self._stopped = threading.Event()

    def first_turn(self) -> None:
        """The loop runs: from now on, before anything is claimed, the parent counts every silence."""
        self.turns = 1
        self._wire.send(Alive(self.turns))

    def start(self) -> None:
        threading.Thread(target=self._beating, name="stoker-heart", daemon=True).start()

    def _beating(self) -> None:
        self._wire.send(Alive(self.turns))
        while not self._stopped.wait(self._beat):
            self._wire.send(Alive(self.turns))

    async def turning(self) -> None:
        """Counts the turns of the event loop, until cancelled."""
        while True:
            self.turns += 1
            await asyncio.sleep(self._beat / 2)


async def live(wire: Wire, setup: Setup, heart: Heart, run_worker: RunWorker) -> None:
    """Run the worker until it returns, or until the parent or SIGTERM ends it."""
    loop = asyncio.get_running_loop()
    hurried = asyncio.Event()
    life = WorkerLife(setup.settings, setup.name, Path(setup.relative_to), hurried)
    heart.first_turn()
    turning = asyncio.ensure_future(heart.turning())
    working = asyncio.ensure_future(run_worker(life))
    told = False

    def stop() -> None:
        # Only once: a service manager signals every process, and the parent asks as well.
        nonlocal told
        if not told:
            told = True
            working.cancel()

    def hear(frame: ToChild) -> None:
        match frame:
            case Stop():
                loop.call_soon_threadsafe(stop)
            case Hurry():
                loop.call_soon_threadsafe(hurried.set)
            case _:
                pass

    loop.add_signal_handler(signal.SIGTERM, stop)
    wire.listen(hear)
    try:
        await working
    except asyncio.CancelledError:
        if not told:
            raise
    finally:
        turning.cancel()


def _load(entry: str) -> RunWorker:
    module, _, name = entry.partition(":")
    function: RunWorker = getattr(importlib.import_module(module), name)
    return function


def main() -> None:
    wire = Wire(int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    leave_interrupts_to_parent()
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    setup = wire.receive_setup()
    sys.path.extend(entry for entry in setup.path if entry not in sys.path)
    heart = Heart(wire, setup.beat)
    heart.start()
    try:
        asyncio.run(live(wire, setup, heart, _load(setup.entry)))
    except Exception as error:
        wire.send(NotReady(storable(f"{type(error).__name__}: {error}", 4000)))
        raise


if __name__ == "__main__":
    main()
