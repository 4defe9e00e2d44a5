"""What the promises about recurring jobs are tried with: rows, changes, and a plain scheduler."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stoker.brokers.conformance.making import new_job
from stoker.brokers.protocol import Broker
from stoker.jobs.ids import derived_id
from stoker.jobs.job import Job, NewJob
from stoker.jobs.recurring import Change, Recurring, Schedule, Skip, recurring_id
from stoker.jobs.slots import not_made, passed

PAST = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANY = 1000
"""Rows or jobs that are asked for at once."""


def new_row(name: str = "nightly", **changes: Any) -> Recurring:
    """A row that has not been written yet, due long ago. Fields of its schedule may be given too."""
    asked = {key: changes.pop(key) for key in set(Schedule.__struct_fields__) & changes.keys()}
    schedule = Schedule(**{"type": "clean", "line": "0 * * * *", "queue": "q", **asked})
    fields: dict[str, Any] = {
        "id": recurring_id(name, schedule.queue),
        "name": name,
        "declared": schedule,
        "cursor": PAST,
        "planned": True,
        "next_at": PAST + HOUR,
        "created_at": PAST,
        "updated_at": PAST,
        "revision": 1,
        **changes,
    }
    return Recurring(**fields)


def after(row: Recurring, **changes: Any) -> Recurring:
    """The same row, changed once more."""
    return msgspec.structs.replace(row, revision=row.revision + 1, **changes)


def written(row: Recurring, *jobs: NewJob, skipped: tuple[Skip, ...] = ()) -> Change:
    return Change(id=row.id, expected=row.revision - 1, row=row, jobs=jobs, skipped=skipped)


def slot_id(row: Recurring, slot: datetime) -> str:
    return derived_id(row.queue, row.id, slot.timestamp())


def slot_job(row: Recurring, slot: datetime, **changes: Any) -> NewJob:
    return new_job(row.queue, id=slot_id(row, slot), recurring_id=row.id, at=slot, **changes)


async def put(broker: Broker, *rows: Recurring) -> None:
    """Write these, of which each must be acceptable."""
    changed = await broker.change([written(row) for row in rows])
    assert [each.accepted for each in changed] == [True] * len(rows)


async def put_now(broker: Broker, *rows: Recurring) -> datetime:
    """Write these as what begins now; the moment from which on their slots are counted."""
    begin = (await broker.due(1)).now
    fresh = {"cursor": begin, "planned": False, "next_at": None}
    await put(broker, *(msgspec.structs.replace(row, **fresh) for row in rows))
    return begin


async def rows_of(broker: Broker) -> list[Recurring]:
    return list((await broker.recurring(limit=10_000)).items)


async def row_of(broker: Broker, row: Recurring) -> Recurring:
    """The row as it stands now, which must be there."""
    (found,) = (await broker.recurring(ids=[row.id])).items
    return found


async def jobs_at(
    broker: Broker, row: Recurring, slots: Iterable[datetime]
) -> dict[datetime, Job | None]:
    """What has become of these slots of a row; None where there is no job."""
    wanted = list(slots)
    ids = [slot_id(row, slot) for slot in wanted]
    jobs: list[Job | None] = []
    for begin in range(0, len(ids), MANY):
        jobs += await broker.get(ids[begin : begin + MANY])
    return dict(zip(wanted, jobs, strict=True))


class Every:
    """The times of a line that comes again after so long, first at `begin`. See `slots.Times`.

    Cron lines are read elsewhere; and the moment at which a test happens to run must not matter.
    """

    def __init__(self, period: timedelta, begin: datetime) -> None:
        self._period = period
        self._begin = begin

    def after(self, instant: datetime) -> datetime:
        return self._begin + ((instant - self._begin) // self._period + 1) * self._period

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        first = (after - self._begin) // self._period + 1
        last = (until - self._begin) // self._period
        return [
            self._begin + number * self._period
            for number in range(max(first, last - limit + 1), last + 1)
        ]


class Scheduler:
    """A scheduler as plain as can be: looks at what is due, decides, and writes it."""

    def __init__(self, broker: Broker, times: Every) -> None:
        self._broker = broker
        self._times = times

    async def tick(self) -> int:
        """One round; how many rows were due."""
        page = await self._broker.due(MANY)
        if not page.items:
            return 0
        active = [id for row in page.items for id in row.active]
        jobs = await self._broker.get(active)
        live = {job.id for job in jobs if job is not None and not job.state.final}
        changes = [passed(row, self._times, live, page.now) for row in page.items]
        behind: list[Change] = []
        for change, changed in zip(changes, await self._broker.change(changes), strict=True):
            for job, answer in zip(change.jobs, changed.answers, strict=False):
                if answer.id != job.id and change.row is not None:
                    behind.append(not_made(change.row, job, "unique"))
        await self._broker.change(behind)
        return len(page.items)

    async def catch_up(self) -> None:
        """Rounds until nothing is due."""
        while await self.tick():
            pass
