import asyncio
import json
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from stoker.daemon.runs.concluding import NOT_COMMITTED
from stoker.handlers import Cancel, Context, Fail, Retry, RetryAfter, Skip, Snooze, handler
from stoker.jobs.clock import SystemClock
from stoker.jobs.events import RunEnded
from stoker.jobs.outcome import Crashed, Done, Raised, Stopped
from stoker.jobs.state import State

ENDINGS: list[tuple[Any, State, int, str]] = [
    # what the second run of three raises, the next state, the attempts it leaves, the word for it
    (None, State.COMPLETED, 2, "completed"),
    (Snooze("1m"), State.PENDING, 1, "snoozed"),
    (RetryAfter("1m"), State.RETRYING, 2, "failed"),
    (Fail("no such account"), State.FAILED, 2, "failed"),
    (Cancel("withdrawn"), State.CANCELLED, 2, "cancelled"),
    (Skip("nothing to do"), State.SKIPPED, 2, "skipped"),
    (ValueError("no"), State.RETRYING, 2, "failed"),
    (ExceptionGroup("steps", [Snooze("1m")]), State.PENDING, 1, "snoozed"),
    (ExceptionGroup("steps", [ValueError("a"), ValueError("b")]), State.RETRYING, 2, "failed"),
    (SystemExit(3), State.RETRYING, 2, "failed"),
    (TimeoutError("its own"), State.RETRYING, 2, "failed"),
]


def raising(error: BaseException | None, kind: str) -> Any:
    def end() -> None:
        if error is not None:
            raise error

    if kind == "thread":

        @handler("work")
        def in_thread() -> None:
            end()

        return in_thread

    @handler("work")
    async def on_the_loop() -> None:
        end()

    return on_the_loop


def named(value: object) -> str | None:
    return None if value is None or isinstance(value, State | int) else repr(value)


@pytest.mark.parametrize("kind", ["loop", "thread"])
@pytest.mark.parametrize(("error", "state", "attempts", "word"), ENDINGS, ids=named)
async def test_what_a_handler_raises_decides_where_its_job_goes(
    kind, error, state, attempts, word, workplace, claim, events
) -> None:
    settlement = await workplace(raising(error, kind)).ending_of(claim(attempts=2))
    assert (settlement.state, settlement.attempts) == (state, attempts)
    assert (await events.happens(RunEnded)).outcome == word


@pytest.mark.parametrize("error", [ValueError("no"), RetryAfter("1m"), SystemExit(3)], ids=repr)
async def test_the_last_attempt_that_fails_is_final(error, workplace, claim) -> None:
    settlement = await workplace(raising(error, "loop")).ending_of(claim(attempts=3))
    assert (settlement.state, settlement.reason) == (State.FAILED, "attempts used up")


async def test_a_payload_that_does_not_fit_fails_for_good(workplace, claim) -> None:
    @handler("work")
    async def work(number: int) -> None: ...

    settlement = await workplace(work).ending_of(claim(payload=b'{"number": "five"}'))
    assert (settlement.state, settlement.reason) == (State.FAILED, "not retryable")


async def test_a_handler_that_lets_out_a_cancellation_of_its_own_has_failed(workplace, claim) -> None:
    error = asyncio.CancelledError("its own")
    settlement = await workplace(raising(error, "loop")).ending_of(claim())
    assert (settlement.state, settlement.error) == (State.RETRYING, "CancelledError: its own")


async def test_sys_exit_ends_the_run_and_not_the_process(workplace, claim) -> None:
    @handler("work")
    async def work() -> None:
        sys.exit("enough")

    settlement = await workplace(work).ending_of(claim())
    assert (settlement.state, settlement.error) == (State.RETRYING, "SystemExit: enough")
    assert "sys.exit" in settlement.run.traceback


async def test_what_is_no_exception_at_all_is_not_retried_where_the_policy_says_so(
    workplace, claim
) -> None:
    @handler("work", retry=Retry(give_up_on=(SystemExit,)))
    async def work() -> None:
        sys.exit("enough")

    settlement = await workplace(work).ending_of(claim())
    assert (settlement.state, settlement.reason) == (State.FAILED, "not retryable")


async def test_a_thread_handler_runs_off_the_loop_with_the_context_of_its_run(workplace, claim) -> None:
    @handler("work")
    def work(ctx: Context) -> list[Any]:
        return [threading.get_ident(), ctx.job.id, ctx.worker]

    job = claim()
    settlement = await workplace(work).ending_of(job)
    thread, id, worker = json.loads(settlement.result)
    assert (id, worker) == (job.id, "worker-1")
    assert thread != threading.get_ident()


# Timeouts


async def test_a_run_that_takes_too_long_is_told_to_end_and_retried(workplace, claim, events) -> None:
    ended: list[str] = []

    @handler("work", timeout=0.01)
    async def work(ctx: Context) -> None:
        assert ctx.deadline is not None
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    settlement = await workplace(work).ending_of(claim(attempts=2))
    assert (settlement.state, settlement.attempts) == (State.RETRYING, 2)
    assert settlement.error == "TimeoutError: ran longer than 10ms"
    assert settlement.run.outcome == "timeout"
    assert ended == ["cleaned up"]
    assert (await events.happens(RunEnded)).outcome == "timeout"


async def test_a_timeout_in_the_last_attempt_fails(workplace, claim) -> None:
    @handler("work", timeout=0.01)
    async def work() -> None:
        await asyncio.Event().wait()

    settlement = await workplace(work).ending_of(claim(attempts=3))
    assert settlement.state is State.FAILED


async def test_a_handler_that_swallows_its_timeout_has_timed_out_all_the_same(workplace, claim) -> None:
    @handler("work", timeout=0.01)
    async def work() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 5

    settlement = await workplace(work).ending_of(claim())
    assert (settlement.state, settlement.run.outcome) == (State.RETRYING, "timeout")


async def test_a_thread_is_told_of_its_timeout_and_waited_for(workplace, claim) -> None:
    told: list[Any] = []
    go = threading.Event()

    @handler("work", timeout=0.01)
    def work(ctx: Context) -> int:
        assert go.wait(10)
        told.append((ctx.cancelled, ctx.cancel_reason))
        return 5

    place = workplace(work)
    [record] = place.begin(claim())
    with anyio.fail_after(10):
        while record.context is None or not record.context.cancelled:
            await anyio.lowlevel.checkpoint()
    assert record.active
    assert place.runs.active == 1
    go.set()
    [settlement] = await place.settlements()
    assert told == [(True, "timeout")]
    assert (settlement.state, settlement.run.outcome) == (State.RETRYING, "timeout")


async def test_a_run_within_its_time_is_left_alone(workplace, claim) -> None:
    @handler("work", timeout=60)
    async def work() -> int:
        return 5

    assert (await workplace(work).ending_of(claim())).state is State.COMPLETED


# Where it runs


class Elsewhere:
    """Children that run nothing, and say how it ended."""

    def __init__(self, ending: Any = None) -> None:
        self.asked: list[tuple[str, float | None, bool]] = []
        self._ending = ending or Done(b"7")

    async def run(self, record: Any, timeout: float | None, *, solo: bool) -> Any:
        self.asked.append((record.claim.type, timeout, solo))
        assert record.in_child
        return self._ending


@pytest.fixture
def isolated() -> Any:
    @handler("isolated", isolation="process", timeout=9)
    async def isolated() -> None: ...

    return isolated


@pytest.fixture
def plain() -> Any:
    @handler("plain")
    async def plain() -> int:
        return 1

    return plain


async def test_an_isolated_handler_runs_in_a_child_with_its_timeout(workplace, claim, isolated) -> None:
    children = Elsewhere()
    settlement = await workplace(isolated, children=children).ending_of(claim("isolated"))
    assert children.asked == [("isolated", 9.0, False)]
    assert settlement.result == b"7"


@pytest.mark.parametrize(("crashes", "solo"), [(0, None), (1, None), (2, True), (7, True)])
async def test_a_job_runs_in_a_child_of_its_own_from_its_second_crash_on(
    crashes, solo, workplace, claim, plain
) -> None:
    children = Elsewhere()
    await workplace(plain, children=children).ending_of(claim("plain", crashes=crashes))
    assert children.asked == ([] if solo is None else [("plain", None, True)])


async def test_without_children_a_job_that_crashed_runs_here(workplace, claim, plain) -> None:
    settlement = await workplace(plain).ending_of(claim("plain", crashes=5))
    assert settlement.state is State.COMPLETED


async def test_the_third_death_in_a_child_of_its_own_poisons_the_job(workplace, claim, plain) -> None:
    children = Elsewhere(Crashed(True, "signal 9"))
    place = workplace(plain, children=children)
    second = await place.ending_of(claim("plain", crashes=3, solo_deaths=1, attempts=2))
    assert (second.state, second.crashes, second.solo_deaths) == (State.PENDING, 4, 2)
    await place.acknowledge()
    third = await place.ending_of(claim("plain", crashes=4, solo_deaths=2, attempts=2))
    assert (third.state, third.reason, third.attempts) == (State.FAILED, "poisoned", 1)


async def test_middleware_wraps_the_handler(workplace, claim, plain) -> None:
    async def double(ctx: Context, call_next: Callable[[], Any]) -> Any:
        return 2 * await call_next()

    settlement = await workplace(plain, middleware=[double]).ending_of(claim("plain"))
    assert settlement.result == b"2"


# Completion inside the handler's own transaction


class Transactions:
    """Settles in what it is given, and answers that."""

    client = sync_client = None

    def __init__(self, verdict: str = "accepted") -> None:
        self.settled: list[Any] = []
        self._verdict = verdict

    async def settle_in(self, connection: Any, settlement: Any) -> Any:
        self.settled.append((connection, settlement))
        return self._verdict


def completing(then: Callable[[], None] = lambda: None) -> Any:
    @handler("work")
    async def work(ctx: Context) -> int:
        await ctx.complete_in("connection", 5)
        then()
        return 6

    return work


async def test_complete_in_settles_in_the_handlers_transaction(workplace, claim) -> None:
    services = Transactions()
    await workplace(completing(), services=services).ending_of(claim())
    [(connection, settlement)] = services.settled
    assert (connection, settlement.state, settlement.result) == ("connection", State.COMPLETED, b"5")


async def test_what_follows_complete_in_changes_nothing_if_that_was_committed_and_else_fails(
    workplace, claim, events
) -> None:
    job = claim()
    settlement = await workplace(completing(), services=Transactions()).ending_of(job)
    # Answered "already" if the job is settled under this token.
    assert settlement.token == job.token
    assert (settlement.state, settlement.error) == (State.RETRYING, NOT_COMMITTED.error)
    ended = await events.happens(RunEnded)
    assert (ended.outcome, ended.settlement.state) == ("completed", State.COMPLETED)


async def test_a_completion_in_a_child_stands_or_falls_with_its_transaction_as_well(
    workplace, claim, isolated
) -> None:
    class Completing(Elsewhere):
        async def run(self, record: Any, timeout: float | None, *, solo: bool) -> Any:
            record.settled_in_child = True
            return await super().run(record, timeout, solo=solo)

    settlement = await workplace(isolated, children=Completing()).ending_of(claim("isolated"))
    assert settlement.error == NOT_COMMITTED.error


async def test_an_error_after_complete_in_is_the_runs_ending(workplace, claim, events) -> None:
    def fail() -> None:
        raise ValueError("the commit failed")

    settlement = await workplace(completing(fail), services=Transactions()).ending_of(claim())
    assert settlement.error == "ValueError: the commit failed"
    assert (await events.happens(RunEnded)).outcome == "failed"


async def test_complete_in_with_a_lost_claim_fails_the_run(workplace, claim) -> None:
    settlement = await workplace(completing(), services=Transactions("lost")).ending_of(claim())
    assert settlement.error.startswith("LeaseLost: ")


# Interruptions


@pytest.fixture
async def begun() -> asyncio.Event:
    """Set by a handler that has begun."""
    return asyncio.Event()


def waiting(begun: asyncio.Event, on_cancel: Callable[[], Any] | None = None) -> Any:
    """A handler that waits for ever; told to end, it does this instead."""

    @handler("work")
    async def work(ctx: Context) -> Any:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ctx.log("cleaned up")
            if on_cancel is None:
                raise
            return on_cancel()

    return work


async def interrupted(place: Any, job: Any, begun: asyncio.Event, kind: str, reason: Any = None) -> Any:
    """The settlement of a run that is interrupted once it has begun."""
    [record] = place.begin(job)
    with anyio.fail_after(10):
        await begun.wait()
    place.runs.interrupt(record, kind, reason)
    [settlement] = await place.settlements()
    return settlement


async def test_a_run_that_is_cancelled_ends_cancelled_with_the_reason(workplace, claim, begun) -> None:
    place = workplace(waiting(begun))
    settlement = await interrupted(place, claim(attempts=2), begun, "cancel", "not needed")
    assert (settlement.state, settlement.reason) == (State.CANCELLED, "not needed")
    assert settlement.run.outcome == "cancelled"
    assert [line.message for line in settlement.logs] == ["cleaned up"]


@pytest.mark.parametrize(
    ("kind", "reason"), [("shutdown", "shutdown"), ("fenced", "its lease could not be renewed in time")]
)
async def test_a_run_that_is_stopped_or_fenced_goes_back_and_spends_nothing(
    kind, reason, workplace, claim, begun, events
) -> None:
    place = workplace(waiting(begun))
    settlement = await interrupted(place, claim(attempts=2), begun, kind, reason)
    assert (settlement.state, settlement.attempts, settlement.delay) == (State.PENDING, 1, 0.0)
    assert (settlement.run.outcome, settlement.run.error) == ("released", reason)
    assert (await events.happens(RunEnded)).outcome == "released"


async def test_of_a_run_whose_lease_is_lost_nothing_is_written(workplace, claim, begun) -> None:
    place = workplace(waiting(begun))
    [record] = place.begin(claim())
    await begun.wait()
    place.runs.interrupt(record, "lost", "reclaimed by another worker")
    with anyio.fail_after(10):
        await asyncio.wait([record.task])
    assert (len(place.outbox), place.runs.records, place.runs.active) == (0, {}, 0)


@pytest.mark.parametrize("kind", ["cancel", "shutdown", "fenced"])
async def test_a_success_after_an_interruption_is_a_success(kind, workplace, claim, begun) -> None:
    place = workplace(waiting(begun, lambda: 5))
    settlement = await interrupted(place, claim(), begun, kind)
    assert (settlement.state, settlement.result) == (State.COMPLETED, b"5")


def stumble() -> None:
    raise OSError("connection closed")


@pytest.mark.parametrize("attempts", [1, 3], ids=["first attempt", "last attempt"])
@pytest.mark.parametrize(
    ("kind", "state"),
    [("cancel", State.CANCELLED), ("shutdown", State.PENDING), ("fenced", State.PENDING)],
)
async def test_an_error_on_the_way_out_is_the_interruptions_and_kept_as_a_log_line(
    kind, state, attempts, workplace, claim, begun
) -> None:
    place = workplace(waiting(begun, stumble))
    settlement = await interrupted(place, claim(attempts=attempts), begun, kind, "why")
    assert settlement.state is state
    assert [line.message for line in settlement.logs] == [
        "cleaned up",
        "raised on its way out: OSError: connection closed",
    ]


@pytest.mark.parametrize("outcome", [Snooze("1m"), RetryAfter("1m")], ids=repr)
async def test_a_cancelled_run_does_not_go_back_to_its_queue(outcome, workplace, claim, begun) -> None:
    def snooze() -> None:
        raise outcome

    settlement = await interrupted(workplace(waiting(begun, snooze)), claim(), begun, "cancel", "why")
    assert (settlement.state, settlement.reason) == (State.CANCELLED, "why")


async def test_a_cancelled_handler_may_clean_up_for_a_while(workplace, claim, begun) -> None:
    cleaned = asyncio.Event()

    @handler("work")
    async def work(ctx: Context) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await cleaned.wait()
            ctx.log("cleaned up")

    place = workplace(work)
    [record] = place.begin(claim())
    await begun.wait()
    place.runs.interrupt(record, "cancel", None)
    await anyio.wait_all_tasks_blocked()
    assert record.active
    place.runs.interrupt(record, "shutdown", "shutdown")  # must not hit the clean-up
    place.runs.interrupt(record, "fenced", "out")
    await anyio.wait_all_tasks_blocked()
    assert record.active
    cleaned.set()
    [settlement] = await place.settlements()
    assert settlement.state is State.CANCELLED
    assert [line.message for line in settlement.logs] == ["cleaned up"]


async def test_the_first_reason_stays(workplace, claim, begun) -> None:
    place = workplace(waiting(begun))
    [record] = place.begin(claim())
    await begun.wait()
    place.runs.interrupt(record, "cancel", "not needed")
    place.runs.interrupt(record, "shutdown", "shutdown")
    assert (record.interruption, record.reason) == ("cancel", "not needed")
    assert record.context.cancel_reason == "not needed"


async def test_a_lost_lease_goes_over_every_other_reason(workplace, claim, begun) -> None:
    place = workplace(waiting(begun))
    [record] = place.begin(claim())
    await begun.wait()
    place.runs.interrupt(record, "cancel", "not needed")
    place.runs.interrupt(record, "lost", "reclaimed by another worker")
    with anyio.fail_after(10):
        await asyncio.wait([record.task])
    assert record.interruption == "lost"
    assert len(place.outbox) == 0


async def test_the_handler_can_see_that_it_should_end_and_why(workplace, claim) -> None:
    go, begun = threading.Event(), threading.Event()

    @handler("work")
    def work(ctx: Context) -> list[Any]:
        begun.set()
        assert go.wait(10)
        return [ctx.cancelled, ctx.cancel_reason]

    place = workplace(work)
    [record] = place.begin(claim())
    await asyncio.to_thread(begun.wait, 10)
    place.runs.interrupt(record, "cancel", "not needed")
    await anyio.wait_all_tasks_blocked()
    assert record.active  # a thread keeps its slot until it has ended
    go.set()
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.result) == (State.COMPLETED, b'[true,"not needed"]')


@pytest.mark.parametrize(
    ("kind", "state"), [("cancel", State.CANCELLED), ("shutdown", State.PENDING), ("lost", None)]
)
async def test_a_run_that_is_interrupted_before_its_first_step_does_not_begin(
    kind, state, workplace, claim, begun, events
) -> None:
    place = workplace(waiting(begun))
    [record] = place.begin(claim(attempts=2))
    place.runs.interrupt(record, kind, "why")
    with anyio.fail_after(10):
        await asyncio.wait([record.task])
    assert not begun.is_set()
    assert events == []
    assert place.runs.active == 0
    if state is None:
        assert (len(place.outbox), place.runs.records) == (0, {})
    else:
        [settlement] = await place.settlements()
        assert (settlement.state, settlement.run) == (state, None)
        assert settlement.attempts == (1 if state is State.PENDING else 2)


async def test_a_stop_after_the_timeout_leaves_it_a_timeout(workplace, claim, events) -> None:
    cleaned = asyncio.Event()
    told = asyncio.Event()

    @handler("work", timeout=0.01)
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            while not cleaned.is_set():
                try:
                    await cleaned.wait()
                except asyncio.CancelledError:
                    continue
            raise

    place = workplace(work, clock=SystemClock())
    [record] = place.begin(claim())
    with anyio.fail_after(10):
        await told.wait()
    place.runs.interrupt(record, "shutdown", "shutdown")
    await anyio.wait_all_tasks_blocked()
    cleaned.set()
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.attempts) == (State.RETRYING, 1)


async def test_a_child_that_is_told_to_end_and_errs_is_released(workplace, claim, isolated) -> None:
    told = asyncio.Event()

    class Children:
        async def run(self, record: Any, timeout: Any, *, solo: bool) -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.set()
            return Raised("OSError: connection closed")

    place = workplace(isolated, children=Children())
    [record] = place.begin(claim("isolated", attempts=2))
    await anyio.wait_all_tasks_blocked()
    place.runs.interrupt(record, "shutdown", "shutdown")
    [settlement] = await place.settlements()
    assert told.is_set()
    assert (settlement.state, settlement.attempts) == (State.PENDING, 1)


async def test_a_child_that_is_stopped_by_a_cancel_ends_cancelled(workplace, claim, isolated) -> None:
    place = workplace(isolated, children=Elsewhere(Stopped("by itself")))
    settlement = await place.ending_of(claim("isolated"))
    assert (settlement.state, settlement.reason) == (State.CANCELLED, "by itself")
