from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.sweeper import LARGEST_ROUND, Sweeper
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import SweepHeld, Swept
from stoker.jobs.outcome import CRASH_DELAYS, SOLO_FROM
from stoker.jobs.state import State


@pytest.fixture
def sweeper(store, events, clock) -> Callable[..., Sweeper]:
    def make(broker: Any = None, every: float = 5.0, lease: float = 15.0) -> Sweeper:
        return Sweeper(
            broker=broker or store.broker, lease=lease, every=every, emit=events.emit, clock=clock
        )

    return make


@pytest.fixture(autouse=True)
def store_has_long_been_up(store) -> None:
    store.offset.advance(3600.0)


async def crashed(store: Any, count: int = 1, worker: str = "worker-1", **more: Any) -> list[str]:
    """Ids of jobs that a worker has claimed and does not renew."""
    ids = [await store.put(**more) for _ in range(count)]
    await store.claim(count, worker=worker)
    return ids


async def run_again(store: Any) -> Any:
    """Claim the one job when its delay is over."""
    store.offset.advance(max(CRASH_DELAYS))
    await store.broker.promote(100)
    [claim] = await store.claim()
    return claim


# Crashes


async def test_a_job_whose_lease_has_ended_goes_back_to_its_queue(store, sweeper, events) -> None:
    [id] = await crashed(store)
    store.offset.advance(15.1)
    assert await sweeper().tick() == 1
    job = await store.job(id)
    assert (job.state, job.attempts, job.crashes) == (State.PENDING, 0, 1)
    assert events.of(Swept) == [Swept(1, (id,))]


async def test_a_job_whose_lease_lives_is_left_alone(store, sweeper, events) -> None:
    [id] = await crashed(store)
    store.offset.advance(14.9)
    assert await sweeper().tick() == 0
    assert (await store.job(id)).state is State.RUNNING
    assert events == []


async def test_the_crash_stands_in_the_jobs_history(store, sweeper) -> None:
    [id] = await crashed(store)
    store.offset.advance(15.1)
    await sweeper().tick()
    [run] = (await store.detail(id)).history
    assert (run.attempt, run.outcome, run.ended_at) == (1, "crashed", None)
    assert run.error == "its worker died or lost touch"


async def test_the_former_claim_is_stale(store, sweeper) -> None:
    await store.put()
    [claim] = await store.claim()
    store.offset.advance(15.1)
    await sweeper().tick()
    renewal = await store.broker.renew([claim], 15.0)
    assert renewal.lost == {claim.id}


async def test_a_job_that_was_to_be_cancelled_ends_cancelled(store, sweeper) -> None:
    [id] = await crashed(store)
    await store.broker.cancel([id], "not needed")
    store.offset.advance(15.1)
    await sweeper().tick()
    job = await store.job(id)
    assert (job.state, job.reason) == (State.CANCELLED, "not needed")


async def test_after_a_first_crash_a_job_simply_runs_again(store, sweeper) -> None:
    await crashed(store)
    store.offset.advance(15.1)
    await sweeper().tick()
    [claim] = await store.claim()
    assert (claim.attempts, claim.crashes, claim.crashes >= SOLO_FROM) == (1, 1, False)


async def test_from_its_second_crash_on_a_job_runs_alone_and_later(store, sweeper) -> None:
    await crashed(store)
    for _ in range(2):
        store.offset.advance(15.1)
        await sweeper().tick()
        claim = await run_again(store)
    assert (claim.attempts, claim.crashes, claim.crashes >= SOLO_FROM) == (1, 2, True)


async def test_the_death_of_whole_daemons_never_poisons_a_job(store, sweeper) -> None:
    [id] = await crashed(store)
    for crashes in range(1, 11):
        store.offset.advance(15.1)
        await sweeper().tick()
        job = await store.job(id)
        assert (job.state, job.crashes, job.attempts) == (State.PENDING, crashes, 0)
        await run_again(store)
    assert (await store.detail(id)).solo_deaths == 0


async def test_crashes_lengthen_the_delay(store, sweeper) -> None:
    [id] = await crashed(store)
    delays = []
    for _ in range(5):
        store.offset.advance(15.1)
        await sweeper().tick()
        before = (await store.job(id)).started_at
        assert before is not None
        promotion = await store.broker.promote(0)
        delays.append(round(promotion.next_due or 0.0))
        await run_again(store)
    assert delays == [*map(round, CRASH_DELAYS), round(CRASH_DELAYS[-1])]


async def test_more_than_a_round_are_all_taken_back(store, sweeper, events) -> None:
    count = 2 * LARGEST_ROUND + 5
    await crashed(store, count)
    store.offset.advance(15.1)
    assert await sweeper().tick() == count
    assert [event.count for event in events.of(Swept)] == [LARGEST_ROUND, LARGEST_ROUND, 5]


async def test_it_sweeps_by_itself(store, sweeper, events, at_work) -> None:
    async with at_work(sweeper(every=0.01)):
        await store.faults.called("reclaim", 2)
        await crashed(store)
        store.offset.advance(15.1)
        await events.happens(Swept)


# Burials


async def test_a_dead_workers_jobs_are_taken_back_at_once(store, sweeper) -> None:
    [dead] = await crashed(store, worker="dead")
    [alive] = await crashed(store, worker="alive")
    assert await sweeper().bury("dead") == 1
    assert (await store.job(dead)).state is State.PENDING
    assert (await store.job(alive)).state is State.RUNNING


async def test_a_burial_does_not_wait_for_what_holds_the_sweeps(store, sweeper, impatient) -> None:
    await crashed(store, worker="dead")
    one = sweeper()
    store.faults.fail("uptime", times=1)
    assert await one.tick() == 0
    assert await one.bury("dead") == 1


# What holds it


class JustStarted:
    """A broker whose store was started so many seconds ago."""

    def __init__(self, broker: Any, uptime: float) -> None:
        self._broker = broker
        self.seconds = uptime

    async def uptime(self) -> float:
        return self.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


async def test_nothing_is_reclaimed_for_a_lease_after_the_store_was_started(
    store, sweeper, events
) -> None:
    await crashed(store)
    store.offset.advance(15.1)
    broker = JustStarted(store.broker, 14.0)
    one = sweeper(broker)
    assert await one.tick() == 0
    assert events.of(SweepHeld) == [SweepHeld(1.0, "the store has just been started")]
    broker.seconds = 15.0
    assert await one.tick() == 1


async def test_nothing_is_reclaimed_for_a_lease_after_a_call_of_its_own_failed(
    store, sweeper, events, clock, impatient
) -> None:
    await crashed(store)
    store.offset.advance(15.1)
    one = sweeper()
    store.faults.fail("uptime", times=3)
    for _ in range(3):
        assert await one.tick() == 0
        clock.advance(4.9)
    assert [round(event.seconds, 1) for event in events.of(SweepHeld)] == [15.0, 10.1, 5.2]
    assert {event.why for event in events.of(SweepHeld)} == {"the store was out"}
    clock.advance(0.4)
    assert await one.tick() == 1


async def test_a_failed_reclaim_holds_the_next_sweep_as_well(store, sweeper, clock, impatient) -> None:
    one = sweeper()
    store.faults.fail("reclaim", times=1)
    await one.tick()
    await crashed(store)
    store.offset.advance(15.1)
    clock.advance(5.0)
    assert await one.tick() == 0


async def test_an_answer_that_takes_long_is_as_good_as_an_outage(store, sweeper, events, clock) -> None:
    class Slow(JustStarted):
        async def uptime(self) -> float:
            clock.advance(3.1)  # others waited as long for their renewals
            return await super().uptime()

    await crashed(store)
    store.offset.advance(15.1)
    one = sweeper(Slow(store.broker, 3600.0))
    assert await one.tick() == 0
    assert events.of(SweepHeld) == [SweepHeld(15.0, "the store was out")]


async def test_the_first_call_that_is_answered_after_an_outage_takes_nothing(
    store, sweeper, clock
) -> None:
    class OutForAMoment(JustStarted):
        asked = 0

        async def reclaim(self, limit: int, **more: Any) -> Any:
            if limit:
                self.asked += 1
                if self.asked == 1:
                    raise BrokerUnavailable("out")
            return await self._broker.reclaim(limit, **more)

    await crashed(store)
    store.offset.advance(15.1)
    broker = OutForAMoment(store.broker, 3600.0)
    one = sweeper(broker)
    assert await one.tick() == 0
    assert broker.asked == 1
    clock.advance(5.0)
    assert await one.tick() == 0
    clock.advance(15.0)
    assert await one.tick() == 1


async def test_a_store_that_can_only_be_read_holds_the_sweep(store, sweeper, clock, impatient) -> None:
    await crashed(store)
    store.offset.advance(15.1)
    store.faults.fail("reclaim", times=1)
    one = sweeper()
    assert await one.tick() == 0
    assert store.faults.calls["reclaim"] == 2


async def test_the_lease_without_a_sweep_begins_when_the_outage_is_over(
    store, sweeper, events, clock, impatient
) -> None:
    class OutForAMinute(JustStarted):
        failures = 3

        async def uptime(self) -> float:
            if self.failures:
                self.failures -= 1
                clock.advance(20.0)
                raise BrokerUnavailable("out")
            return await super().uptime()

    await crashed(store)
    store.offset.advance(75.1)
    assert await sweeper(OutForAMinute(store.broker, 3600.0)).tick() == 0
    assert events.of(SweepHeld) == [SweepHeld(15.0, "the store was out")]


async def test_nothing_is_reclaimed_for_a_lease_after_the_process_itself_stood_still(
    store, sweeper, events, clock
) -> None:
    one = sweeper()
    await one.tick()
    [id] = await crashed(store)
    for both in (clock, store.offset):
        both.advance(3600.0)  # suspended with its host, and so was the worker
    assert await one.tick() == 0
    assert events.of(SweepHeld) == [SweepHeld(15.0, "this process stood still")]
    assert (await store.job(id)).state is State.RUNNING
    for _ in range(3):
        clock.advance(5.0)
        swept = await one.tick()
    assert swept == 1  # the worker has not come back


async def test_a_slow_beat_is_no_standstill(store, sweeper, events, clock) -> None:
    one = sweeper()
    await one.tick()
    clock.advance(19.9)
    await one.tick()
    assert events.of(SweepHeld) == []


async def test_a_sweeper_that_has_just_begun_holds_nothing(store, sweeper) -> None:
    await crashed(store)
    store.offset.advance(15.1)
    assert await sweeper().tick() == 1


# Stops


async def test_a_stop_between_taking_and_settling_leaves_nothing_half_done(
    store, sweeper, at_work
) -> None:
    [id] = await crashed(store)
    store.offset.advance(15.1)
    store.faults.hang("settle")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            await group.start(sweeper().run)
            await store.faults.called("settle")
            group.cancel_scope.cancel()
            store.faults.heal()
    assert (await store.job(id)).state is State.PENDING


async def test_what_could_not_be_settled_is_not_said_to_be_swept_and_comes_round_again(
    store, sweeper, events
) -> None:
    [id] = await crashed(store)
    store.offset.advance(15.1)
    store.faults.hang("settle")
    one = sweeper(lease=0.1)
    with anyio.fail_after(10):
        assert await one.tick() == 0
    assert events.of(Swept) == []
    store.faults.heal()
    store.offset.advance(0.2)
    assert await one.tick() == 1
    assert (await store.job(id)).state is State.PENDING
