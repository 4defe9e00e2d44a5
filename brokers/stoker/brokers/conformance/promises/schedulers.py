"""One slot gives one job: however many schedulers look, whatever their clocks do, whenever they die."""

from datetime import timedelta

import anyio
import pytest

from stoker.brokers.conformance.making import counts_of, finish, take
from stoker.brokers.conformance.scheduling import (
    HOUR,
    Every,
    Scheduler,
    jobs_at,
    new_row,
    put,
    put_now,
    row_of,
    rows_of,
)
from stoker.brokers.faults import Faults
from stoker.brokers.faulty import FaultyBroker
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.job import Job
from stoker.jobs.operating import Keep
from stoker.jobs.recurring import Changed
from stoker.jobs.rescheduling import Declaration, declared, toggled
from stoker.jobs.slots import passed
from stoker.jobs.state import State

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LIMIT = 60.0
"""Seconds after which a race that does not end is given up."""
RACERS = 4
JUMPS = (1, 3, -3, 5, -1, 1)
"""Hours by which the clock is set forward and back, again and again."""
REACHED = 6
"""Hours, from the beginning on, that the clock shows at most."""
MANY_ROWS = 28
TEN_THOUSAND = MANY_ROWS * REACHED * 60


class ClockPromises:
    @pytest.mark.parametrize(
        ("catchup", "made"), [("last", [0, 3, 5]), ("skip", []), ("all", [0, 1, 2, 3, 4, 5])]
    )
    async def test_a_clock_that_is_set_forward_and_back_makes_no_slot_twice(
        self, broker: Broker, offset: Offset, catchup: str, made: list[int]
    ) -> None:
        row = new_row(catchup=catchup, overlap="allow")
        begin = await put_now(broker, row)
        scheduler = Scheduler(broker, Every(HOUR, begin + HOUR / 2))
        await scheduler.catch_up()
        for hours in JUMPS:
            offset.advance(hours * 3600)
            await scheduler.catch_up()
        slots = [begin + HOUR / 2 + number * HOUR for number in range(REACHED + 1)]
        jobs = await jobs_at(broker, row, slots)
        assert [number for number, job in enumerate(jobs.values()) if job is not None] == made
        assert (await counts_of(broker, "q")).total == len(made)

    async def test_a_slot_that_has_been_does_not_come_again_once_its_job_is_forgotten(
        self, broker: Broker, offset: Offset
    ) -> None:
        row = new_row(overlap="allow")
        begin = await put_now(broker, row)
        scheduler = Scheduler(broker, Every(HOUR, begin + HOUR / 2))
        await scheduler.catch_up()
        offset.advance(3600)
        await scheduler.catch_up()
        took = await forget(broker, offset)
        for seconds in (-took - 2700, 1800):  # to before the slot, and to behind it once more
            offset.advance(seconds)
            await scheduler.catch_up()
        counts = await counts_of(broker, "q")
        assert (counts.pruned, counts.total) == (1, 1)


class RacingSchedulerPromises:
    async def test_schedulers_that_race_make_one_job_of_each_of_ten_thousand_slots(
        self, broker: Broker, second: Broker, offset: Offset
    ) -> None:
        asked = {"catchup": "all", "catchup_limit": 1000, "overlap": "allow"}
        rows = [new_row(f"row {number}", **asked) for number in range(MANY_ROWS)]
        begin = await put_now(broker, *rows)
        first = begin + MINUTE - SECOND  # a minute more for this test would be a slot more
        racers = [Scheduler((broker, second)[each % 2], Every(MINUTE, first)) for each in range(RACERS)]
        await race(racers)
        for hours in JUMPS:
            offset.advance(hours * 3600)
            await race(racers)
        slots = [first + number * MINUTE for number in range(REACHED * 60)]
        for row in rows:
            jobs = await jobs_at(broker, row, slots)
            assert [job.scheduled_at for job in jobs.values() if job is not None] == slots
        assert (await counts_of(broker, "q")).total == TEN_THOUSAND

    async def test_one_of_many_writes_what_all_have_read(self, broker: Broker, second: Broker) -> None:
        row = new_row()
        await put(broker, row)
        change = passed(row, Every(HOUR, row.cursor), (), row.cursor + HOUR)
        accepted: list[Changed] = []

        async def write(own: Broker) -> None:
            accepted.extend(await own.change([change]))

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                for own in (broker, second) * 5:
                    group.start_soon(write, own)
        assert sorted(each.accepted for each in accepted) == [False] * 9 + [True]
        assert (await counts_of(broker, "q")).total == 1

    async def test_one_of_many_workers_declares_a_row_first(
        self, broker: Broker, second: Broker
    ) -> None:
        says = Declaration("nightly", new_row().declared, "code", "default", "1")
        now = (await broker.due(1)).now
        accepted: list[Changed] = []

        async def declare(own: Broker) -> None:
            accepted.extend(await own.change(declared(None, says, now)))

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                for own in (broker, second) * 5:
                    group.start_soon(declare, own)
        assert sorted(each.accepted for each in accepted) == [False] * 9 + [True]
        assert [row.name for row in await rows_of(broker)] == ["nightly"]

    async def test_a_row_that_was_switched_off_meanwhile_makes_nothing(
        self, broker: Broker, second: Broker
    ) -> None:
        row = new_row()
        await put(broker, row)
        page = await broker.due(1)
        assert await second.change(toggled(row, False, page.now)) == [Changed(True)]
        change = passed(page.items[0], Every(HOUR, row.cursor), (), page.now)
        assert await broker.change([change]) == [Changed(False)]
        assert (await counts_of(broker, "q")).total == 0

    async def test_one_that_comes_back_after_all_is_forgotten_makes_nothing(
        self, broker: Broker, second: Broker, offset: Offset
    ) -> None:
        row = new_row()
        await put(broker, row)
        late = passed(row, Every(HOUR, row.cursor), (), (await broker.due(1)).now)
        await Scheduler(second, Every(HOUR, row.cursor)).catch_up()
        await forget(second, offset)
        assert await broker.change([late]) == [Changed(False)]
        assert await broker.get([job.id for job in late.jobs]) == [None]


ALONE = (State.PENDING, None)
OVERLAPS = {
    "allow": [ALONE] * 6,
    "skip": [ALONE, *[(State.SKIPPED, "overlap")] * 5],
    "queue": [ALONE, *[None] * 5],
}
"""What becomes of six slots while nobody runs their jobs."""


class CrashingSchedulerPromises:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("step", ["due", "get", "change"])
    async def test_one_that_dies_at_any_step_loses_no_slot_and_doubles_none(
        self, broker: Broker, second: Broker, offset: Offset, step: str, after: bool
    ) -> None:
        rows = {overlap: new_row(overlap, overlap=overlap) for overlap in OVERLAPS}
        begin = await put_now(broker, *rows.values())
        times, faults = Every(HOUR, begin + HOUR / 2), Faults()
        dying = Scheduler(FaultyBroker(broker, faults), times)
        heir = Scheduler(second, times)
        await heir.catch_up()
        offset.advance(1801)  # each slot is seen as it comes
        for _ in range(6):
            faults.fail(step, times=1, after=after)
            with pytest.raises(BrokerUnavailable):
                await dying.tick()
            await heir.catch_up()
            offset.advance(3600)
        slots = [begin + HOUR / 2 + number * HOUR for number in range(6)]
        for overlap, row in rows.items():
            jobs = await jobs_at(broker, row, slots)
            assert [_seen(job) for job in jobs.values()] == OVERLAPS[overlap], overlap

    async def test_a_change_whose_answer_was_lost_is_not_made_again(
        self, broker: Broker, offset: Offset
    ) -> None:
        row = new_row(overlap="allow")
        await put(broker, row)
        change = passed(row, Every(HOUR, row.cursor), (), (await broker.due(1)).now)
        assert (await broker.change([change]))[0].accepted
        assert await broker.change([change]) == [Changed(False)]
        assert (await row_of(broker, row)).revision == 2
        assert (await counts_of(broker, "q")).total == 1


def _seen(job: Job | None) -> tuple[State, str | None] | None:
    return None if job is None else (job.state, job.reason)


async def race(racers: list[Scheduler]) -> None:
    """Let all of them look until nothing is due."""
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            for racer in racers:
                group.start_soon(racer.catch_up)


async def forget(broker: Broker, offset: Offset) -> float:
    """Run the only job there is, and let the store forget it and its id; how many seconds that took."""
    (claim,) = await take(broker)
    await finish(broker, claim)
    for _ in range(2):
        offset.advance(2 * 3600)
        await broker.prune({State.COMPLETED: Keep(age=1.0)}, 10)
    assert await broker.get([claim.id]) == [None]
    return 4 * 3600.0
