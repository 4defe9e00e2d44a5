"""The janitor deletes what is past its retention, and folds the counts."""

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Upkeep
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, Pruned
from stoker.jobs.operating import Retention

ROUND = 1000
"""Jobs at a time: short writes, so that nobody waits behind them."""
BREATH = 0.05
"""Seconds between two rounds of one cleaning."""
EVERY = 5.0


class Janitor:
    """Every few seconds, in small rounds."""

    name = "janitor"

    def __init__(self, *, broker: Upkeep, retention: Retention, emit: Emit, clock: Clock) -> None:
        self._broker = broker
        self._retention = retention
        self._emit = emit
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        wait = jittered(EVERY)
        while True:
            await anyio.sleep(wait)
            wait = BREATH if await self.tick() >= ROUND else jittered(EVERY)

    async def tick(self) -> int:
        """One round; says how many jobs were deleted."""
        pruned = await self._patience.call(lambda: self._broker.prune(self._retention, ROUND))
        if pruned:
            self._emit(Pruned(pruned))
        return pruned
