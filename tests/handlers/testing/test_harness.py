import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import msgspec
import pytest

from stoker.handlers import Context, Fail, Handler, Retry, Skip, Snooze, handler, resource, step
from stoker.handlers.middleware import Next
from stoker.handlers.testing import Harness
from stoker.jobs.errors import DuplicateHandler, HandlerError
from stoker.jobs.job import Job
from stoker.jobs.operating import Query
from stoker.jobs.state import State


@contextmanager
def open_database() -> Iterator[str]:
    raise AssertionError("the real one is not opened in a test")
    yield ""


@handler("reports.generate")
async def generate(ctx: Context, kind: str, *, db: str = resource(open_database)) -> str:
    ctx.progress(50, "half")
    ctx.log(f"from {db}")
    return f"{kind} from {db}"


@handler("flaky", retry=Retry(max_attempts=3, base="1m", cap="1h"))
async def flaky(ctx: Context, failures: int) -> int:
    if ctx.job.attempts <= failures:
        raise ConnectionError(f"time {ctx.job.attempts}")
    return ctx.job.attempts


@handler("threaded")
def threaded(number: int) -> int:
    return number + 1


@handler("chain")
async def chain(ctx: Context, left: int) -> None:
    if left:
        await ctx.client.enqueue(chain.bind(left - 1), delay="10m")


async def only(harness: Harness) -> Job:
    [job] = await harness.jobs()
    return job


async def test_a_job_runs_with_the_fake_resource_and_its_record_is_complete() -> None:
    async with Harness([generate], resources={open_database: "fake"}) as harness:
        await harness.client.enqueue(generate.bind("monthly"))
        [run] = await harness.drain()
        job = await only(harness)
    assert (run.type, run.attempt, run.state) == ("reports.generate", 1, State.COMPLETED)
    assert run.logs == ("from fake",)
    assert run.progressed == ((50, "half"),)
    assert run.result is not None
    assert msgspec.json.decode(run.result) == "monthly from fake"
    assert (job.id, job.state, job.progress) == (run.id, State.COMPLETED, 50)


async def test_a_fake_opener_is_opened_and_closed() -> None:
    seen = []

    @contextmanager
    def open_fake() -> Iterator[str]:
        seen.append("open")
        yield "opened"
        seen.append("close")

    async with Harness([generate], resources={open_database: open_fake}) as harness:
        await harness.client.enqueue(generate.bind("a"))
        [run] = await harness.drain()
        assert run.logs == ("from opened",)
        assert seen == ["open"]
    assert seen == ["open", "close"]


async def test_a_fake_that_can_be_called_is_given_as_it_is() -> None:
    given = []

    @handler("a")
    async def take(*, clock: Any = resource(open_database)) -> None:
        given.append(clock())

    async with Harness([take], resources={open_database: lambda: 5}) as harness:
        await harness.client.enqueue(take.bind())
        await harness.drain()
    assert given == [5]


async def test_a_delayed_job_waits_for_its_time() -> None:
    async with Harness([threaded]) as harness:
        await harness.client.enqueue(threaded.bind(1), delay="1h")
        assert await harness.drain() == []
        assert await harness.drain(advance="59m") == []
        [run] = await harness.drain(advance="2m")
    assert run.state is State.COMPLETED


async def test_retries_run_when_their_time_comes() -> None:
    async with Harness([flaky]) as harness:
        await harness.client.enqueue(flaky.bind(2))
        first, second = await harness.drain(advance="90s")
        [third] = await harness.drain(advance="1h")
    assert [run.state for run in (first, second, third)] == [
        State.RETRYING,
        State.RETRYING,
        State.COMPLETED,
    ]
    assert (first.delay, second.delay) == (60.0, 120.0)
    assert first.error == "ConnectionError: time 1"
    assert first.traceback is not None


async def test_a_job_whose_runs_are_used_up_fails() -> None:
    async with Harness([flaky]) as harness:
        await harness.client.enqueue(flaky.bind(9))
        runs = await harness.drain(advance="1h")
        assert (await only(harness)).state is State.FAILED
    assert [run.attempt for run in runs] == [1, 2, 3]


async def test_jobs_that_a_run_enqueues_run_in_the_same_drain_if_their_time_comes() -> None:
    async with Harness([chain]) as harness:
        await harness.client.enqueue(chain.bind(5))
        assert len(await harness.drain(advance="25m")) == 3
        assert len(await harness.drain(advance="1h")) == 3


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Snooze("5m"), State.PENDING),
        (Skip("nothing"), State.SKIPPED),
        (Fail("wrong"), State.FAILED),
    ],
)
async def test_outcomes_lead_where_the_daemon_would_lead_them(outcome: Any, state: State) -> None:
    @handler("a")
    async def take() -> None:
        raise outcome

    async with Harness([take]) as harness:
        await harness.client.enqueue(take.bind())
        [run] = await harness.drain()
        assert run.state is state
        assert (await only(harness)).state is state


async def test_the_most_urgent_runs_first() -> None:
    async with Harness([threaded]) as harness:
        for priority in (1, 9, 5):
            await harness.client.enqueue(threaded.bind(priority), priority=priority)
        runs = await harness.drain()
    assert [run.result and msgspec.json.decode(run.result) for run in runs] == [10, 6, 2]


async def test_a_timeout_ends_the_run() -> None:
    @handler("a", timeout=0.01, retry=Retry(max_attempts=1))
    async def forever() -> None:
        await asyncio.Event().wait()

    async with Harness([forever]) as harness:
        await harness.client.enqueue(forever.bind())
        [run] = await harness.drain()
    assert run.state is State.FAILED
    assert run.error == "TimeoutError: ran longer than 10ms"


async def test_a_handler_that_lets_a_cancellation_out_has_failed() -> None:
    @handler("a", retry=Retry(max_attempts=1))
    async def cancels() -> None:
        raise asyncio.CancelledError

    async with Harness([cancels]) as harness:
        await harness.client.enqueue(cancels.bind())
        [run] = await harness.drain()
    assert run.state is State.FAILED


async def test_complete_in_completes_the_job() -> None:
    @handler("a")
    async def booked(ctx: Context) -> None:
        await ctx.complete_in("connection", 5)

    async with Harness([booked]) as harness:
        await harness.client.enqueue(booked.bind())
        [run] = await harness.drain()
        job = await only(harness)
    assert run.state is State.COMPLETED
    assert job.state is State.COMPLETED
    assert job.result is not None
    assert msgspec.json.decode(job.result) == 5


async def test_a_thread_reaches_the_client_too() -> None:
    seen = []

    @handler("a")
    def enqueues(ctx: Context) -> None:
        seen.append(ctx.sync_client.enqueue(threaded.bind(1)).status().state)

    async with Harness([enqueues, threaded]) as harness:
        await harness.client.enqueue(enqueues.bind())
        runs = await harness.drain()
    assert [run.type for run in runs] == ["a", "threaded"]
    assert seen == [State.PENDING]


async def test_middleware_wraps_every_run() -> None:
    seen = []

    async def noted(ctx: Context, call_next: Next) -> Any:
        seen.append(ctx.job.type)
        return await call_next()

    async with Harness([threaded], middleware=[noted]) as harness:
        await harness.client.enqueue(threaded.bind(1))
        await harness.drain()
    assert seen == ["threaded"]


async def test_modules_and_classes_are_taken_too() -> None:
    class Tidy(Handler, name="tidy"):
        @step
        async def one(self) -> None: ...

    module = ModuleType("app")
    module.threaded = threaded  # type: ignore[attr-defined]
    async with Harness([module, Tidy]) as harness:
        assert sorted(harness.handlers) == ["threaded", "tidy"]
        await harness.client.enqueue(Tidy.bind())
        [run] = await harness.drain()
    assert run.state is State.COMPLETED


async def test_jobs_can_be_narrowed() -> None:
    async with Harness([threaded, generate]) as harness:
        await harness.client.enqueue(threaded.bind(1))
        await harness.client.enqueue(generate.bind("a"))
        [job] = await harness.jobs(Query(types=("threaded",)))
    assert job.type == "threaded"


async def test_a_type_without_a_handler_is_named() -> None:
    async with Harness([threaded]) as harness:
        await harness.client.enqueue("other", {})
        with pytest.raises(
            HandlerError, match=r"'other', which this harness has no handler for.*threaded"
        ):
            await harness.drain()


async def test_a_job_that_makes_itself_anew_for_ever_is_told() -> None:
    @handler("again")
    async def again() -> None:
        raise Snooze(0)

    async with Harness([again]) as harness:
        await harness.client.enqueue(again.bind())
        with pytest.raises(RuntimeError, match="'again'"):
            await harness.drain()


def test_two_handlers_of_one_name_are_refused() -> None:
    @handler("threaded")
    def other() -> None: ...

    with pytest.raises(DuplicateHandler):
        Harness([threaded, other])


@pytest.mark.parametrize(
    ("given", "text"), [(5, "5 is neither a module nor a handler"), (ModuleType("app"), "app holds no")]
)
def test_what_holds_no_handler_is_refused(given: Any, text: str) -> None:
    with pytest.raises(HandlerError, match=text):
        Harness([given])
