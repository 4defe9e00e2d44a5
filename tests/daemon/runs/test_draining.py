import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from stoker.daemon.runs import runs as runs_module
from stoker.handlers import Context, handler
from stoker.jobs.clock import SystemClock
from stoker.jobs.events import LeaseLost, ThreadStuck
from stoker.jobs.state import State


class Crowd:
    """Handlers that wait: `patient` until it may go, `stubborn` in a thread, until that may."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.thread_may_end = threading.Event()
        self._began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def began() -> None:
            self.begun += 1
            self._began.set()

        @handler("patient")
        async def patient(ctx: Context) -> int:
            began()
            await self.go.wait()
            return 5

        @handler("stubborn")
        def stubborn(ctx: Context) -> int:
            loop.call_soon_threadsafe(began)
            assert self.thread_may_end.wait(10)
            return 7

        @handler("timed", timeout=0.01)
        def timed(ctx: Context) -> int:
            loop.call_soon_threadsafe(began)
            assert self.thread_may_end.wait(10)
            return 7

        self.handlers = (patient, stubborn, timed)

    async def has_begun(self, count: int) -> None:
        with anyio.fail_after(10):
            while self.begun < count:
                self._began.clear()
                await self._began.wait()


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.thread_may_end.set()


@asynccontextmanager
async def at_work(runs: Any) -> AsyncIterator[None]:
    """Within, the actor runs; then it is stopped and waited for."""
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            await group.start(runs.run)
            yield
            group.cancel_scope.cancel()


# The drain


async def test_without_runs_there_is_nothing_to_wait_for(workplace, crowd) -> None:
    place = workplace(*crowd.handlers, shutdown_grace=1000.0)
    async with at_work(place.runs):
        pass


async def test_runs_may_end_by_themselves_within_the_grace(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, shutdown_grace=1000.0)
    async with at_work(place.runs):
        [record] = place.begin(claim("patient"))
        await crowd.has_begun(1)
        asyncio.get_running_loop().call_later(0.01, crowd.go.set)
    [settlement] = await place.settlements()
    assert settlement.state is State.COMPLETED
    assert not place.runs.abandoned
    assert record.interruption is None


async def test_after_the_grace_runs_are_told_to_end_and_go_back(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, shutdown_grace=0.01)
    async with at_work(place.runs):
        place.begin(claim("patient", attempts=2))
        await crowd.has_begun(1)
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.attempts) == (State.PENDING, 1)
    assert (settlement.run.outcome, settlement.run.error) == ("released", "shutdown")
    assert not place.runs.abandoned


async def test_a_thread_has_the_cancel_grace_to_end(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, cancel_grace=1000.0)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn"))
        await crowd.has_begun(1)

        async def end_when_told() -> None:
            with anyio.CancelScope(shield=True):
                while not record.context.cancelled:
                    await anyio.lowlevel.checkpoint()
            crowd.thread_may_end.set()

        helping = asyncio.ensure_future(end_when_told())
    await helping
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.result) == (State.COMPLETED, b"7")
    assert not place.runs.abandoned


async def test_what_does_not_end_then_is_abandoned_and_given_back(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.01)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn", attempts=2))
        await crowd.has_begun(1)
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.attempts) == (State.PENDING, 1)
    assert settlement.run.error == "shutdown"
    assert place.runs.abandoned
    assert not record.active


async def test_an_abandoned_run_says_nothing_when_it_ends_after_all(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.01)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn"))
        await crowd.has_begun(1)
    crowd.thread_may_end.set()
    with anyio.fail_after(10):
        await asyncio.wait([record.task])
    assert len(place.outbox) == 1
    assert (place.runs.active, place.runs.active_by_lane) == (0, {"lane:a": 0})


@pytest.mark.parametrize(
    ("kind", "state"), [("cancel", State.CANCELLED), ("fenced", State.PENDING), ("lost", None)]
)
async def test_an_abandoned_run_ends_as_it_was_told_to(kind, state, workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.01)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn"))
        await crowd.has_begun(1)
        place.runs.interrupt(record, kind, "why")
    assert place.runs.abandoned
    if state is None:
        assert (len(place.outbox), place.runs.records) == (0, {})
    else:
        [settlement] = await place.settlements()
        assert settlement.state is state


async def test_an_abandoned_run_whose_time_was_up_has_timed_out(
    workplace, claim, crowd, events
) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.01, clock=SystemClock())
    async with at_work(place.runs):
        place.begin(claim("timed"))
        await events.happens(ThreadStuck)
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.run.outcome) == (State.RETRYING, "timeout")


async def test_a_second_signal_cuts_the_grace_short(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, shutdown_grace=1000.0)
    async with at_work(place.runs):
        place.begin(claim("patient"))
        await crowd.has_begun(1)
        asyncio.get_running_loop().call_later(0.01, place.runs.hurried.set)
    [settlement] = await place.settlements()
    assert settlement.state is State.PENDING


async def test_a_second_signal_leaves_clean_ups_a_moment_and_no_more(
    workplace, claim, crowd, monkeypatch
) -> None:
    monkeypatch.setattr(runs_module, "HURRIED_GRACE", 0.05)
    place = workplace(*crowd.handlers, shutdown_grace=1000.0, cancel_grace=1000.0)
    async with at_work(place.runs):
        place.begin(claim("patient"), claim("stubborn"))
        await crowd.has_begun(2)
        place.runs.hurried.set()
    patient, stubborn = await place.settlements(2)
    assert (patient.state, stubborn.state) == (State.PENDING, State.PENDING)
    assert place.runs.abandoned


async def test_a_run_that_is_stuck_already_is_not_waited_for(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, shutdown_grace=1000.0, cancel_grace=5.0)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn"))
        await crowd.has_begun(1)
        place.runs.interrupt(record, "cancel", None)
        place.clock.advance(5.1)
        place.runs.tick()
        assert record.stuck
    [settlement] = await place.settlements()
    assert settlement.state is State.CANCELLED


async def test_a_mere_fall_of_the_actor_drains_nothing(workplace, claim, crowd, monkeypatch) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.0)
    [record] = place.begin(claim("patient"))
    await crowd.has_begun(1)

    def stumble() -> None:
        raise RuntimeError("stumbled")

    monkeypatch.setattr(place.runs, "tick", stumble)
    with anyio.fail_after(10), pytest.raises(RuntimeError, match="stumbled"):
        await place.runs.run(task_status=anyio.TASK_STATUS_IGNORED)
    assert record.active
    assert record.interruption is None
    crowd.go.set()
    [settlement] = await place.settlements()
    assert settlement.state is State.COMPLETED


# Runs that do not end


async def test_a_thread_that_does_not_end_after_a_cancel_dooms_the_process(
    workplace, claim, crowd, events
) -> None:
    place = workplace(*crowd.handlers, cancel_grace=5.0)
    [record] = place.begin(claim("stubborn"))
    await crowd.has_begun(1)
    place.clock.advance(2.0)
    place.runs.interrupt(record, "cancel", None)
    place.clock.advance(5.0)
    place.runs.tick()
    assert not place.runs.doomed.is_set()
    place.clock.advance(0.1)
    place.runs.tick()
    assert place.runs.doomed.is_set()
    assert events.of(ThreadStuck) == [ThreadStuck(record.claim.id, "stubborn", pytest.approx(7.1))]


async def test_a_thread_that_does_not_end_after_its_timeout_dooms_the_process(
    workplace, claim, crowd
) -> None:
    place = workplace(*crowd.handlers, cancel_grace=5.0)
    place.begin(claim("stubborn", timeout=60.0))
    await crowd.has_begun(1)
    place.clock.advance(64.9)
    place.runs.tick()
    assert not place.runs.doomed.is_set()
    place.clock.advance(0.2)
    place.runs.tick()
    assert place.runs.doomed.is_set()


async def test_a_stuck_thread_is_told_of_once(workplace, claim, crowd, events) -> None:
    place = workplace(*crowd.handlers)
    [record] = place.begin(claim("stubborn"))
    await crowd.has_begun(1)
    place.runs.interrupt(record, "cancel", None)
    place.clock.advance(100.0)
    place.runs.tick()
    place.runs.tick()
    assert len(events.of(ThreadStuck)) == 1


async def test_a_long_run_that_nobody_told_to_end_is_no_harm(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers)
    [record] = place.begin(claim("stubborn"))
    await crowd.has_begun(1)
    place.clock.advance(100_000.0)
    record.safe_until = place.clock.elapsed() + 12.0  # the keeper does its work
    place.runs.tick()
    assert record.interruption is None
    assert not place.runs.doomed.is_set()


async def test_a_run_that_nobody_renews_is_fenced_before_its_lease_ends(
    workplace, claim, crowd, events
) -> None:
    place = workplace(*crowd.handlers)
    [record] = place.begin(claim("patient", attempts=2))
    await crowd.has_begun(1)
    place.clock.advance(12.9)  # the keeper's own fence is at 12 s
    place.runs.tick()
    assert record.interruption is None
    place.clock.advance(0.2)
    place.runs.tick()
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.attempts) == (State.PENDING, 1)
    assert settlement.run.error == "nobody has renewed its lease"
    assert events.of(LeaseLost) == [LeaseLost(record.claim.id, "patient", "self_fence")]


async def test_a_run_that_is_not_to_be_fenced_goes_on_though_nobody_renews_it(
    workplace, claim, crowd
) -> None:
    place = workplace(*crowd.handlers, self_fence=False)
    [record] = place.begin(claim("patient"))
    await crowd.has_begun(1)
    place.clock.advance(100.0)
    place.runs.tick()
    assert record.interruption is None


async def test_a_run_in_a_child_dooms_nobody(workplace, claim) -> None:
    ended = asyncio.Event()

    class Children:
        async def run(self, record: Any, timeout: Any, *, solo: bool) -> Any:
            while not ended.is_set():
                try:
                    await ended.wait()
                except asyncio.CancelledError:
                    continue
            raise asyncio.CancelledError

    @handler("isolated", isolation="process")
    async def isolated() -> None: ...

    place = workplace(isolated, children=Children())
    [record] = place.begin(claim("isolated"))
    await anyio.wait_all_tasks_blocked()
    place.runs.interrupt(record, "cancel", None)
    place.clock.advance(100_000.0)
    place.runs.tick()
    assert not place.runs.doomed.is_set()  # its child can be killed
    ended.set()
    [settlement] = await place.settlements()
    assert settlement.state is State.CANCELLED


async def test_a_stuck_thread_that_ends_after_all_is_settled(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers)
    [record] = place.begin(claim("stubborn"))
    await crowd.has_begun(1)
    place.runs.interrupt(record, "cancel", None)
    place.clock.advance(100.0)
    place.runs.tick()
    crowd.thread_may_end.set()
    [settlement] = await place.settlements()
    assert settlement.state is State.COMPLETED


async def test_the_actor_looks_for_them_by_itself(workplace, claim, crowd) -> None:
    place = workplace(*crowd.handlers, cancel_grace=0.0)
    async with at_work(place.runs):
        [record] = place.begin(claim("stubborn"))
        await crowd.has_begun(1)
        place.runs.interrupt(record, "cancel", None)
        place.clock.advance(0.1)
        await place.runs.doomed.wait()
        crowd.thread_may_end.set()
