"""The declarer keeps alive, and up to date, what this worker's code says about recurring jobs."""

from collections.abc import Sequence
from functools import partial

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.timetable import Timetable
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit
from stoker.jobs.rescheduling import Declaration, declared, lapsed

EVERY = 60.0
"""Seconds between two declarations."""
CLEAN_EVERY = 60
"""After so many declarations, what nobody has declared for a day is taken away."""
PAGE = 500


class Declarer:
    """Says at its start, and each minute, which recurring jobs there are to be."""

    name = "declarer"

    def __init__(
        self,
        *,
        broker: Timetable,
        declarations: Sequence[Declaration],
        emit: Emit,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._declarations = {each.name: each for each in declarations}
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()  # nobody waits for it: a store that is out must not hold the start
        while True:
            for _ in range(CLEAN_EVERY):
                await self.tick()
                await anyio.sleep(jittered(EVERY))
            await self.clean()

    async def tick(self) -> None:
        """Declare once. A row that another worker changes meanwhile is declared the next time."""
        names = list(self._declarations)
        if not names:
            return
        page = await self._patience.call(lambda: self._broker.recurring(names=names))
        rows = {row.name: row for row in page.items}
        changes = [
            change
            for name, by in self._declarations.items()
            for change in declared(rows.get(name), by, page.now)
        ]
        if changes:
            await self._patience.call(lambda: self._broker.change(changes))

    async def clean(self) -> None:
        """Take away what no worker has declared for a day."""
        cursor: str | None = None
        while True:
            page = await self._patience.call(partial(self._broker.recurring, limit=PAGE, cursor=cursor))
            if changes := lapsed(page.items, page.now):
                await self._patience.call(partial(self._broker.change, changes))
            cursor = page.next_cursor
            if cursor is None:
                return
