"""The runs' side of the children: a cancelled call is a wish, and the run inside has the last word."""

import asyncio
import math

from stoker.daemon.children.attending import Wish
from stoker.daemon.children.pool import ChildPool
from stoker.daemon.runs.record import Record
from stoker.jobs.outcome import Ending

LOST_GRACE = 1.0
"""Seconds for a run whose job somebody else has already."""
FENCED_PART = 0.9
"""Of the margin: a run whose lease could not be renewed has ended before somebody else can have it."""


class Children:
    """Runs jobs in processes of their own, for `Performer`."""

    def __init__(self, pool: ChildPool, *, margin: float) -> None:
        """`margin`: seconds before the lease's end at which a run is fenced."""
        self._pool = pool
        self._margin = margin

    async def run(self, record: Record, timeout: float | None, *, solo: bool) -> Ending:
        """How the run ended, by itself or by its timeout (seconds).

        Cancelling the call ends the run inside, or kills it; then it raises CancelledError, unless
        the run came to an ending of its own.
        """
        wish = Wish()
        run = self._pool.run_solo if solo else self._pool.run
        task = asyncio.ensure_future(run(record.claim, timeout=timeout, sink=record, cancelled=wish))
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                wish.make(record.reason or record.interruption, self._within(record))
        ending = task.result()
        if wish.honoured:
            raise asyncio.CancelledError
        return ending

    def _within(self, record: Record) -> float:
        match record.interruption:
            case "lost":
                return LOST_GRACE
            case "fenced":
                return self._margin * FENCED_PART
            case _:
                return math.inf
