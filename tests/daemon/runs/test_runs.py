import asyncio
from typing import Any

import anyio
import pytest

from stoker.handlers import Context, handler
from stoker.jobs.events import RunEnded, RunStarted, UnknownTypeReturned
from stoker.jobs.outcome import UNKNOWN_DELAYS
from stoker.jobs.state import State


class Stage:
    """A handler that waits for us."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self._began = asyncio.Event()

        @handler("work")
        async def work(ctx: Context) -> int:
            self.begun.append(ctx.job.id)
            self._began.set()
            await self.go.wait()
            return 5

        self.work = work

    async def runs(self, count: int = 1) -> None:
        with anyio.fail_after(10):
            while len(self.begun) < count:
                self._began.clear()
                await self._began.wait()


@pytest.fixture
async def stage() -> Stage:
    return Stage()


# Room


async def test_there_is_room_for_as_many_runs_as_slots(workplace, claim, stage) -> None:
    place = workplace(stage.work, slots=3)
    assert place.runs.room() == 3
    place.begin(claim(), claim())
    assert (place.runs.room(), place.runs.active) == (1, 2)


async def test_a_slot_is_free_when_the_outcome_is_with_the_settler(workplace, claim, stage) -> None:
    place = workplace(stage.work, slots=2)
    place.begin(claim(), claim())
    await stage.runs(2)
    stage.go.set()
    await place.settlements(2)
    assert (place.runs.room(), place.runs.active) == (2, 0)


async def test_outcomes_that_are_not_acknowledged_take_up_room_beyond_the_slots(
    workplace, claim, stage
) -> None:
    place = workplace(stage.work, slots=2)
    stage.go.set()
    for _ in range(2):
        place.begin(claim(), claim())
    await place.settlements(4)
    assert place.runs.room() == 0
    await place.acknowledge(3)
    assert place.runs.room() == 2


async def test_room_that_is_reserved_is_no_room(workplace) -> None:
    runs = workplace(slots=4).runs
    runs.freed("lane:a"), runs.freed("lane:b")
    runs.reserve("lane:a", 3)
    assert runs.room() == 1
    runs.unreserve(3)
    assert runs.room() == 4


async def test_an_end_and_an_acknowledgement_both_tell_the_lanes(workplace, claim, stage) -> None:
    place = workplace(stage.work)
    freed = place.runs.freed("lane:a")
    stage.go.set()
    place.begin(claim())
    await place.settlements()
    assert freed.is_set()
    freed.clear()
    await place.acknowledge()
    assert freed.is_set()


async def test_room_that_comes_back_unused_is_told_to_the_lanes(workplace) -> None:
    runs = workplace().runs
    freed = runs.freed("lane:b")
    runs.freed("lane:a")
    runs.reserve("lane:a", 4)
    runs.unreserve(4)
    assert freed.is_set()


async def test_the_lane_that_took_longest_ago_is_told_first(workplace) -> None:
    runs = workplace().runs
    told: list[str] = []

    async def wait(lane: str) -> None:
        await runs.freed(lane).wait()
        told.append(lane)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for lane in "abc":
                runs.freed(lane)
            runs.reserve("b", 1)
            runs.reserve("a", 1)
            for lane in "abc":
                group.start_soon(wait, lane)
            await anyio.wait_all_tasks_blocked()
            runs.unreserve(2)
    assert told == ["c", "b", "a"]


async def test_runs_are_counted_by_lane(workplace, claim, stage) -> None:
    place = workplace(stage.work)
    place.begin(claim(), claim(), lane="lane:a")
    place.begin(claim(), lane="lane:b")
    assert place.runs.active_by_lane == {"lane:a": 2, "lane:b": 1}
    stage.go.set()
    await place.settlements(3)
    assert place.runs.active_by_lane == {"lane:a": 0, "lane:b": 0}


async def test_a_record_stays_until_its_settlement_is_acknowledged(workplace, claim, stage) -> None:
    place = workplace(stage.work)
    [record] = place.begin(claim())
    stage.go.set()
    await place.settlements()
    assert place.runs.records == {record.claim.id: record}
    assert not record.active
    await place.acknowledge()
    assert place.runs.records == {}


# Begin and end


async def test_a_success_becomes_a_settlement_without_a_history_entry(workplace, claim, stage) -> None:
    place = workplace(stage.work)
    stage.go.set()
    settlement = await place.ending_of(claim())
    assert (settlement.state, settlement.result, settlement.run) == (State.COMPLETED, b"5", None)


async def test_a_failure_is_kept_with_its_start_its_end_and_its_worker(workplace, claim, clock) -> None:
    @handler("work")
    async def work() -> None:
        clock.advance(2.5)
        raise ValueError("no")

    place = workplace(work)
    job = claim()
    settlement = await place.ending_of(job)
    run = settlement.run
    assert settlement.state is State.RETRYING
    assert (run.attempt, run.worker, run.outcome, run.error) == (
        1,
        "worker-1",
        "failed",
        "ValueError: no",
    )
    assert run.started_at == job.started_at
    assert (run.ended_at - run.started_at).total_seconds() == 2.5
    assert "raise ValueError" in run.traceback


async def test_a_run_is_told_when_it_starts_and_when_it_ends(workplace, claim, stage, events) -> None:
    place = workplace(stage.work)
    job = claim()
    place.begin(job)
    await stage.runs()
    assert list(events) == [RunStarted(job)]
    place.clock.advance(3.0)
    stage.go.set()
    [settlement] = await place.settlements()
    assert await events.happens(RunEnded) == RunEnded(job, settlement, "completed", 3.0)


async def test_runs_of_one_claim_go_on_side_by_side(workplace, claim, stage) -> None:
    place = workplace(stage.work)
    place.begin(claim(), claim(), claim())
    await stage.runs(3)


async def test_a_timeout_of_the_job_goes_before_the_handlers(workplace, claim) -> None:
    @handler("work", timeout=60)
    async def work() -> None: ...

    place = workplace(work)
    own, general = place.begin(claim(timeout=5.0), claim())
    assert (own.timeout, general.timeout) == (5.0, 60.0)


# Unknown types


async def test_a_job_of_an_unknown_type_goes_back_with_a_growing_delay(workplace, claim) -> None:
    place = workplace()
    claims = [claim("newer", returns=returns) for returns in (0, 1, 2, 50)]
    place.begin(*claims)
    settlements = await place.settlements(4)
    assert [each.delay for each in settlements] == [*UNKNOWN_DELAYS[:3], UNKNOWN_DELAYS[-1]]
    assert {each.state for each in settlements} == {State.PENDING}
    assert [each.returns for each in settlements] == [1, 2, 3, 51]


async def test_a_job_of_an_unknown_type_spends_no_attempt_and_leaves_no_history(
    workplace, claim, events
) -> None:
    settlement = await workplace().ending_of(claim("newer", attempts=2))
    assert (settlement.attempts, settlement.run) == (1, None)
    told = await events.happens(UnknownTypeReturned)
    assert (told.type, told.delay) == ("newer", 5.0)
    assert events.of(RunStarted) == events.of(RunEnded) == []


# Giving back


async def test_what_is_given_back_leaves_no_trace(workplace, claim, stage, events) -> None:
    place = workplace(stage.work)
    job = claim(attempts=2)
    place.runs.give_back([job], lane="lane:a", reason="shutdown")
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.delay) == (State.PENDING, 0.0)
    assert (settlement.attempts, settlement.run, settlement.reason) == (1, None, None)
    assert stage.begun == []
    assert events == []


async def test_what_is_given_back_takes_no_slot_and_is_renewed_until_it_is_settled(
    workplace, claim, stage
) -> None:
    place = workplace(stage.work, slots=1)
    job = claim()
    place.runs.give_back([job], lane="lane:a", reason="shutdown")
    assert (place.runs.active, place.runs.room()) == (0, 1)
    assert list(place.runs.records) == [job.id]
    await place.acknowledge()
    assert place.runs.records == {}


# The same job again


async def test_a_job_that_is_claimed_anew_here_ends_its_former_run_as_lost(
    workplace, claim, stage
) -> None:
    place = workplace(stage.work)
    job = claim()
    [former] = place.begin(job)
    await stage.runs()
    [present] = place.begin(claim(id=job.id, token="another"))
    await stage.runs(2)
    assert (former.interruption, present.interruption) == ("lost", None)
    with anyio.fail_after(10):
        await asyncio.wait([former.task])
    assert place.runs.records == {job.id: present}
    assert (place.runs.active, len(place.outbox)) == (1, 0)


async def test_a_former_run_that_does_not_end_still_takes_its_slot(workplace, claim) -> None:
    go = asyncio.Event()

    @handler("work")
    async def work() -> None:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    place = workplace(work, slots=4)
    job = claim()
    [former] = place.begin(job)
    await anyio.wait_all_tasks_blocked()
    place.begin(claim(id=job.id, token="another"))
    await anyio.wait_all_tasks_blocked()
    assert (place.runs.active, place.runs.room()) == (2, 2)
    place.clock.advance(5.1)
    place.runs.tick()
    assert former.stuck
    go.set()
    await place.settlements(1)
    assert place.runs.active == 0


async def test_the_settlement_of_a_former_run_does_not_take_the_present_one_off(
    workplace, claim, stage
) -> None:
    place = workplace(stage.work)
    job = claim()
    stage.go.set()
    await place.ending_of(job)
    stage.go.clear()
    [present] = place.begin(claim(id=job.id, token="another"))
    await place.acknowledge()
    assert place.runs.records == {job.id: present}


# Errors of our own


async def test_an_error_of_our_own_fails_the_run_and_frees_the_slot(workplace, claim) -> None:
    class Broken:
        async def run(self, record: Any, timeout: Any, *, solo: bool) -> Any:
            raise OSError("no more processes")

    @handler("work", isolation="process")
    async def work() -> None: ...

    place = workplace(work, children=Broken())
    settlement = await place.ending_of(claim())
    assert settlement.state is State.RETRYING
    assert settlement.error == "OSError: no more processes"
    assert place.runs.active == 0


async def test_a_watcher_that_fails_does_not_keep_a_slot(workplace, claim, stage, monkeypatch) -> None:
    place = workplace(stage.work)
    stage.go.set()

    def refuse(event: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(place.runs, "_emit", refuse)
    [record] = place.begin(claim())
    await place.settlements()
    assert (record.active, place.runs.active) == (False, 0)
    with pytest.raises(BrokenPipeError):
        await record.task
