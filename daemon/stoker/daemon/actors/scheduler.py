"""The scheduler turns the slots of recurring jobs into jobs."""

from collections.abc import Callable, Sequence
from datetime import datetime

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Broker
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.errors import StokerError
from stoker.jobs.events import Emit, SlotsPassed
from stoker.jobs.job import NewJob
from stoker.jobs.recurring import Change, Recurring, RecurringPage, Schedule
from stoker.jobs.slots import Times, not_made, passed, troubled

ROUND = 200
"""Rows at a time."""
MOST_KNOWN = 10_000
"""Lines that are kept as they were read."""
LONGEST_WAIT = 1.0
"""Seconds that a row may be looked at late which somebody else has written since the last look."""
SHORTEST_WAIT = 0.01


class Scheduler:
    """Sleeps until the next row is due, and never longer than a second.

    Any number of them may run, with no leader: each decides about a row that is due, and the store
    takes the first decision only. `times` reads a schedule's line, and raises if it cannot.
    """

    name = "scheduler"

    def __init__(
        self, *, broker: Broker, times: Callable[[Schedule], Times], emit: Emit, clock: Clock
    ) -> None:
        self._broker = broker
        self._read = times
        self._known: dict[tuple[str, str], Times] = {}
        self._emit = emit
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            wait = await self.tick()
            await anyio.sleep(wait)

    async def tick(self) -> float:
        """One round; seconds until the next is wanted."""
        page = await self._patience.call(lambda: self._broker.due(ROUND))
        if page.items:
            await self._pass(page)
        if page.next_due is None:
            return LONGEST_WAIT
        due = (page.next_due - page.now).total_seconds()
        return min(max(due, SHORTEST_WAIT), LONGEST_WAIT)

    async def _pass(self, page: RecurringPage) -> None:
        live = await self._live(page.items)
        changes = [self._change(row, live, page.now) for row in page.items]
        changed = await self._patience.call(lambda: self._broker.change(changes))
        behind: list[Change] = []
        for row, change, one in zip(page.items, changes, changed, strict=True):
            if not one.accepted or change.row is None:
                continue  # another scheduler was quicker, or somebody has changed the row
            answers = zip(change.jobs, one.answers, strict=True)
            taken = [job for job, answer in answers if answer.id != job.id]
            self._tell(row, change, change.row, taken)
            behind += _behind(change.row, taken)
        if behind:
            await self._patience.call(lambda: self._broker.change(behind))

    async def _live(self, rows: Sequence[Recurring]) -> set[str]:
        """Which of the jobs that these rows may have to wait for have not ended."""
        ids = [id for row in rows if row.schedule.overlap != "allow" for id in row.active]
        jobs = await self._patience.call(lambda: self._broker.get(ids)) if ids else []
        return {job.id for job in jobs if job is not None and not job.state.final}

    def _change(self, row: Recurring, live: set[str], now: datetime) -> Change:
        try:
            times = self._times(row.schedule)
        except StokerError as error:
            return troubled(row, str(error), now)
        return passed(row, times, live, now)

    def _times(self, schedule: Schedule) -> Times:
        """Read once: that takes longer than finding the next slot."""
        key = schedule.line, schedule.timezone
        times = self._known.get(key)
        if times is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            times = self._known[key] = self._read(schedule)
        return times

    def _tell(self, before: Recurring, change: Change, row: Recurring, taken: list[NewJob]) -> None:
        jobs = tuple(job.id for job in change.jobs if job not in taken)
        skipped, missed = len(change.skipped) + len(taken), row.missed - before.missed
        trouble = row.trouble if row.trouble != before.trouble else None
        if jobs or skipped or missed or trouble:
            self._emit(SlotsPassed(row.name, row.schedule.type, jobs, skipped, missed, trouble))


def _behind(row: Recurring, taken: list[NewJob]) -> list[Change]:
    """What is still to be written of slots whose unique key another job holds."""
    changes: list[Change] = []
    for job in taken:
        change = not_made(row, job, "unique")
        changes.append(change)
        assert change.row is not None
        row = change.row
    return changes
