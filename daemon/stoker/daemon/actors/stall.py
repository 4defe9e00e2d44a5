"""The stall watch: sees from another thread that the event loop stands still, and says who does it."""

import asyncio
import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from stoker.daemon.runs.runs import Runs
from stoker.jobs.events import Emit, LoopStalled

PULSE = 0.25
"""Seconds between the loop's signs of life, and between looks at them."""
WORTH_TELLING = 1.0
"""Seconds of a stall from which it is told."""
LAST_WORDS = 2.0
"""Seconds that saying why may take."""
STACK = 12
"""Frames of the stack that are told, the innermost ones."""
EXIT_STALLED = 70


class Pulse:
    """An actor of the main loop that shows that the loop goes round.

    While it is not running, nobody is blamed: so it stands before all that may take long to stop.
    """

    name = "pulse"

    def __init__(self) -> None:
        self.beats = 0
        self.thread: int | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        self.thread = threading.get_ident()
        self.loop = asyncio.get_running_loop()
        task_status.started()
        try:
            while True:
                self.beats += 1
                await anyio.sleep(PULSE)
        finally:
            self.loop = None


def end_process(text: str) -> None:
    """Say why on standard error, with the stacks of all threads, and be gone at once."""
    # Who reads standard error may be the one that does not: then we go without a word.
    last = threading.Timer(LAST_WORDS, os._exit, (EXIT_STALLED,))
    last.daemon = True
    last.start()
    try:
        print(text, file=sys.stderr, flush=True)
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    finally:
        os._exit(EXIT_STALLED)


class StallWatch:
    """Lives on the keeper's loop. Ends the process when the main loop stalls for `limit` seconds.

    It counts its own looks instead of reading a clock: when the whole process was stopped or
    suspended, the looks stopped as well, and nobody is blamed.
    """

    def __init__(
        self,
        *,
        pulse: Pulse,
        runs: Runs,
        limit: float,
        emit: Emit,
        end: Callable[[str], None] = end_process,
    ) -> None:
        self._pulse = pulse
        self._runs = runs
        self._limit = limit
        self._emit = emit
        self._end = end
        self._last = -1
        self._looks = 0
        self._told = 0.0

    async def run(self) -> None:
        while True:
            await anyio.sleep(PULSE)
            self.look()

    def look(self) -> None:
        """One look at the pulse."""
        loop = self._pulse.loop
        if loop is None or self._pulse.beats != self._last:
            self._last, self._looks, self._told = self._pulse.beats, 0, 0.0
            return
        self._looks += 1
        stalled = self._looks * PULSE
        if stalled >= max(WORTH_TELLING, self._told * 2):
            self._told = stalled
            self._emit(self._describe(loop, stalled))
        if stalled >= self._limit:
            told = self._describe(loop, stalled)
            where = "outside of any job" if told.id is None else f"in job {told.id} ({told.type})"
            self._end(
                f"stoker: the event loop has stood still for {stalled:g} s, {where}: "
                f"ending this process while its leases hold\n{told.stack}"
            )

    def _describe(self, loop: asyncio.AbstractEventLoop, stalled: float) -> LoopStalled:
        task = asyncio.current_task(loop)
        record = None if task is None else self._runs.records.get(task.get_name())
        frame = sys._current_frames().get(self._pulse.thread or 0)
        stack = "" if frame is None else "".join(traceback.format_stack(frame, limit=STACK))
        if record is None:
            return LoopStalled(stalled, None, None, stack)
        return LoopStalled(stalled, record.claim.id, record.claim.type, stack)
