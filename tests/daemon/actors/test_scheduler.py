from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from stoker.daemon.actors import scheduler as scheduler_module
from stoker.daemon.actors.scheduler import LONGEST_WAIT, Scheduler
from stoker.jobs.errors import InvalidSchedule
from stoker.jobs.events import SlotsPassed
from stoker.jobs.job import Holding
from stoker.jobs.operating import Query
from stoker.jobs.recurring import Recurring, Schedule
from stoker.jobs.rescheduling import added
from stoker.jobs.state import State

MINUTE = 60.0
Add = Callable[..., Any]


class Minutely:
    """Every full minute."""

    def after(self, instant: datetime) -> datetime | None:
        return instant.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        slots = []
        slot = self.after(after)
        while slot is not None and slot <= until:
            slots.append(slot)
            slot = self.after(slot)
        return slots[-limit:]


def read(schedule: Schedule) -> Minutely:
    if schedule.line == "unreadable":
        raise InvalidSchedule("'unreadable' is no schedule")
    return Minutely()


@pytest.fixture
def make(store, events, clock) -> Callable[[], Scheduler]:
    def make() -> Scheduler:
        return Scheduler(broker=store.broker, times=read, emit=events.emit, clock=clock)

    return make


@pytest.fixture
def scheduler(make) -> Scheduler:
    return make()


@pytest.fixture
def add(store) -> Add:
    """Adds a recurring job, each minute if nothing else is said."""

    async def add(name: str = "clean", **changes: Any) -> Recurring:
        schedule = Schedule(**{"type": "clean", "line": "* * * * *", **changes})
        now = (await store.broker.recurring()).now
        (change,) = added(None, name, schedule, now)
        (changed,) = await store.broker.change([change])
        assert changed.accepted
        return change.row

    return add


@pytest.fixture
def row(store) -> Callable[..., Any]:
    async def row(name: str = "clean") -> Recurring:
        (found,) = (await store.broker.recurring(names=[name])).items
        return found

    return row


@pytest.fixture
def pass_minutes(store, scheduler) -> Callable[..., Any]:
    """Lets so many minutes pass, with a round after each."""

    async def pass_minutes(count: int, *schedulers: Scheduler) -> None:
        for _ in range(count):
            store.offset.advance(MINUTE)
            for each in schedulers or (scheduler,):
                await each.tick()

    return pass_minutes


async def test_nothing_to_do_is_looked_for_each_second(scheduler) -> None:
    assert await scheduler.tick() == LONGEST_WAIT


async def test_a_new_row_is_planned_and_makes_no_job(scheduler, add, row, store, events) -> None:
    await add()
    await scheduler.tick()
    planned = await row()
    assert planned.planned and planned.next_at is not None
    assert planned.next_at.second == 0
    assert (await store.broker.queues(), events) == ([], [])


async def test_a_slot_becomes_one_job_and_is_told(
    scheduler, add, row, store, events, pass_minutes
) -> None:
    await add()
    await scheduler.tick()
    slot = (await row()).next_at
    await pass_minutes(1)
    (told,) = events
    (id,) = told.jobs
    assert told == SlotsPassed("clean", "clean", (id,))
    job = await store.job(id)
    assert (job.type, job.scheduled_at, job.recurring_id) == ("clean", slot, (await row()).id)


async def test_the_next_round_is_when_the_next_slot_comes(scheduler, add, store, row) -> None:
    await add()
    await scheduler.tick()
    planned = await row()
    now = (await store.broker.due(1)).now
    store.offset.advance((planned.next_at - now).total_seconds() - 0.5)
    assert 0.3 < await scheduler.tick() <= 0.5


async def test_schedulers_that_race_make_one_job_of_each_slot(
    make, add, store, pass_minutes, events
) -> None:
    await add(overlap="allow")
    schedulers = [make(), make(), make()]
    await pass_minutes(20, *schedulers)
    page = await store.broker.queues()
    assert [info.counts.total for info in page] == [len(events.of(SlotsPassed))]
    assert 19 <= len(events.of(SlotsPassed)) <= 20


async def test_a_slot_overlaps_with_a_job_that_waits(scheduler, add, store, pass_minutes, row) -> None:
    await add()
    await pass_minutes(4)
    counts = (await store.broker.queues())[0].counts
    assert (counts.pending, counts.skipped) == (1, counts.total - 1)
    assert counts.skipped >= 2
    page = await store.broker.find(Query(states=(State.SKIPPED,)))
    assert {job.reason for job in page.items} == {"overlap"}


async def test_once_the_earlier_job_has_ended_the_next_slot_runs(
    add, store, pass_minutes, events
) -> None:
    await add()
    await pass_minutes(2)
    first = events.of(SlotsPassed)[0].jobs[0]
    await store.broker.cancel([first])
    await pass_minutes(1)
    assert events.of(SlotsPassed)[-1].jobs not in ((), (first,))


async def test_a_slot_whose_unique_key_is_taken_is_kept_as_skipped(
    add, store, pass_minutes, events
) -> None:
    await add(unique=Holding("k"), overlap="allow")
    await pass_minutes(4)
    counts = (await store.broker.queues())[0].counts
    assert counts.pending == 1 and counts.skipped == counts.total - 1 >= 2
    page = await store.broker.find(Query(states=(State.SKIPPED,)))
    assert {job.reason for job in page.items} == {"unique"}
    assert events.of(SlotsPassed)[-1].skipped == 1


async def test_a_clock_that_is_set_back_makes_nothing_twice(add, store, pass_minutes) -> None:
    await add(overlap="allow")
    await pass_minutes(5)
    before = (await store.broker.queues())[0].counts.total
    store.offset.advance(-180 * MINUTE)
    await pass_minutes(180)
    assert (await store.broker.queues())[0].counts.total == before
    await pass_minutes(3)
    assert (await store.broker.queues())[0].counts.total == before + 3


@pytest.mark.parametrize(("catchup", "jobs", "missed"), [("last", 1, 100), ("all", 100, 1)])
async def test_after_three_hours_each_policy_does_its_own(
    scheduler, add, store, row, events, catchup: str, jobs: int, missed: int
) -> None:
    await add(catchup=catchup, overlap="allow")
    await scheduler.tick()
    store.offset.advance(180 * MINUTE)
    await scheduler.tick()
    assert (await store.broker.queues())[0].counts.total == jobs
    assert [event.missed for event in events.of(SlotsPassed)] == [missed]


async def test_a_line_that_cannot_be_read_is_said_once_a_minute(
    scheduler, add, row, events, store
) -> None:
    await add(line="unreadable")
    await scheduler.tick()
    await scheduler.tick()
    assert events == [
        SlotsPassed("clean", "clean", trouble="'unreadable' is no schedule"),
    ]
    assert (await row()).trouble == "'unreadable' is no schedule"


async def test_one_bad_row_does_not_keep_the_others(add, pass_minutes, store) -> None:
    await add("bad", line="unreadable")
    await add("worse", priority=99)
    await add("good", queue="good")
    await pass_minutes(2)
    assert [info.counts.queue for info in await store.broker.queues()] == ["good"]


async def test_more_rows_than_fit_a_round_are_all_looked_at(add, scheduler, store, monkeypatch) -> None:
    monkeypatch.setattr(scheduler_module, "ROUND", 2)
    for name in "abcde":
        await add(name, overlap="allow")
    for _ in range(3):
        await scheduler.tick()
    page = await store.broker.recurring()
    assert all(row.planned for row in page.items)


async def test_an_outage_is_waited_for(scheduler, add, store, events, pass_minutes) -> None:
    await add(overlap="allow")
    await scheduler.tick()
    store.broker.faults.fail("change", times=1, after=True)
    await pass_minutes(2)
    assert (await store.broker.queues())[0].counts.total == 2
