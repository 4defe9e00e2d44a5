"""The promoter makes delayed jobs ready when their time has come."""

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Upkeep
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, Promoted

LARGEST_ROUND = 1000
LONGEST_WAIT = 1.0
"""Seconds that a job may be late which was delayed, by somebody else, after the last look."""
SHORTEST_WAIT = 0.01


class Promoter:
    """Sleeps until the next job is due, and never longer than a second."""

    name = "promoter"

    def __init__(self, *, broker: Upkeep, emit: Emit, clock: Clock) -> None:
        self._broker = broker
        self._emit = emit
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            wait = await self.tick()
            await anyio.sleep(wait)

    async def tick(self) -> float:
        """One round; seconds until the next is wanted."""
        promotion = await self._patience.call(lambda: self._broker.promote(LARGEST_ROUND))
        if promotion.promoted or promotion.expired:
            self._emit(Promoted(promotion.promoted, promotion.expired))
        if promotion.more:
            return 0.0
        due = LONGEST_WAIT if promotion.next_due is None else promotion.next_due
        return min(max(due, SHORTEST_WAIT), LONGEST_WAIT)
