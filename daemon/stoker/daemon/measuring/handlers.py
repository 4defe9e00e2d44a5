"""The jobs that a measurement runs."""

import asyncio
import threading

from stoker.handlers import handler
from stoker.jobs.clock import SystemClock

QUEUE = "bench"
DATA = "x" * 86
"""Makes a payload of a hundred bytes."""

_elapsed = SystemClock().elapsed


@handler("bench.noop", queue=QUEUE)
async def noop(data: str) -> None:
    """Do nothing."""


@handler("bench.sleep", queue=QUEUE)
async def sleep(seconds: float) -> None:
    """Wait, as for an answer from elsewhere."""
    await asyncio.sleep(seconds)


@handler("bench.delay", queue=QUEUE)
async def delay(asked_at: float) -> float:
    """Seconds from then until now, by the clock that all processes of the host share."""
    return _elapsed() - asked_at


@handler("bench.threads", queue=QUEUE)
async def threads() -> dict[str, str]:
    """The names of this process' threads, by the kernel's number of each."""
    return {
        str(thread.native_id): thread.name
        for thread in threading.enumerate()
        if thread.native_id is not None  # it is only about to start
    }
