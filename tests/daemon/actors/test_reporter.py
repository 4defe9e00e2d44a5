import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.reporter import Reporter
from stoker.handlers import Context, handler
from stoker.jobs.events import LeaseLost, StoreBack, StoreLost
from stoker.jobs.state import State


class Speakers:
    """Handlers that say what they are told to, and end when they are told to."""

    def __init__(self) -> None:
        self.contexts: dict[str, Context] = {}
        self.go = asyncio.Event()

        @handler("work")
        async def work(ctx: Context) -> None:
            self.contexts[ctx.job.id] = ctx
            await self.go.wait()

        self.work = work


@pytest.fixture
async def speakers() -> Speakers:
    return Speakers()


@pytest.fixture
def place(workplace, speakers) -> Any:
    return workplace(speakers.work, slots=200)


@pytest.fixture
def reporter(place, store, events) -> Callable[..., Reporter]:
    def make(*, broker: Any = None, interval: float = 2.0, batch_size: int = 50) -> Reporter:
        return Reporter(
            broker=broker or store.broker,
            runs=place.runs,
            interval=interval,
            batch_size=batch_size,
            emit=events.emit,
            clock=place.clock,
        )

    return make


@pytest.fixture
def begin(place, store, speakers) -> Callable[..., Any]:
    async def begin(count: int = 1) -> list[Any]:
        """Records of runs that go on."""
        for _ in range(count):
            await store.put("work")
        records = place.begin(*await store.claim(count))
        await anyio.wait_all_tasks_blocked()
        return records

    return begin


class Listening:
    """A broker that hears reports, and keeps none."""

    def __init__(self) -> None:
        self.heard: list[list[str]] = []

    async def report(self, reports: Sequence[Any]) -> frozenset[str]:
        if reports:
            self.heard.append([each.id for each in reports])
        return frozenset()


async def test_progress_and_lines_of_a_run_are_stored_while_it_goes_on(
    begin, store, speakers, reporter
) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    ctx.progress(10, "starting")
    ctx.progress(20, "going")
    ctx.log("hello")
    await reporter().tick()
    detail = await store.detail(record.claim.id)
    assert (detail.job.progress, detail.job.progress_message) == (20, "going")
    assert [line.message for line in detail.logs] == ["hello"]
    assert detail.job.state is State.RUNNING


async def test_what_is_stored_is_not_stored_again_with_the_outcome(
    begin, place, store, speakers, reporter
) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    ctx.log("first")
    await reporter().tick()
    ctx.log("second")
    speakers.go.set()
    await store.broker.settle(await place.settlements())
    lines = (await store.detail(record.claim.id)).logs
    assert [line.message for line in lines] == ["first", "second"]


async def test_runs_without_news_are_not_reported(begin, speakers, reporter) -> None:
    talking, _, also = await begin(3)
    broker = Listening()
    for record in (talking, also):
        speakers.contexts[record.claim.id].progress(1)
    await reporter(broker=broker).tick()
    assert broker.heard == [[talking.claim.id, also.claim.id]]


async def test_a_batch_is_bounded(begin, speakers, reporter) -> None:
    for record in await begin(7):
        speakers.contexts[record.claim.id].progress(1)
    broker = Listening()
    await reporter(broker=broker, batch_size=3).tick()
    assert [len(batch) for batch in broker.heard] == [3, 3, 1]


async def test_without_news_the_store_is_left_alone(begin, store, reporter) -> None:
    await begin(3)
    await reporter().tick()
    assert store.faults.calls["report"] == 0


async def test_it_reports_at_intervals(begin, speakers, store, reporter, at_work) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    async with at_work(reporter(interval=0.01)):
        for times in (1, 2, 3):
            ctx.progress(times)
            await store.faults.called("report", times)


# Stale claims


async def test_a_stale_run_is_told_to_end(begin, place, speakers, store, reporter, events) -> None:
    [record] = await begin()
    await store.take_away(record.claim.id)
    speakers.contexts[record.claim.id].progress(1)
    await reporter().tick()
    assert record.interruption == "lost"
    assert events.of(LeaseLost) == [LeaseLost(record.claim.id, "work", "report")]


async def test_a_run_that_has_completed_in_its_own_transaction_is_not_reported(
    begin, speakers, store, reporter
) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    ctx.progress(1)
    ctx._settled_in = True
    await reporter().tick()
    assert store.faults.calls["report"] == 0


# Outages


async def test_an_outage_loses_no_line(begin, speakers, store, reporter, events) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    one = reporter()
    store.faults.fail("report", times=2)
    for text in "abc":
        ctx.log(text)
        await one.tick()
    lines = (await store.detail(record.claim.id)).logs
    assert [line.message for line in lines] == ["a", "b", "c"]
    assert events.of(StoreLost)[0].retry_in == 2.0
    assert len(events.of(StoreBack)) == 1


async def test_after_an_outage_the_newest_progress_counts(begin, speakers, store, reporter) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    one = reporter()
    store.faults.fail("report", times=1)
    ctx.progress(10)
    await one.tick()
    ctx.progress(20)
    await one.tick()
    assert (await store.job(record.claim.id)).progress == 20


async def test_a_reporter_that_falls_loses_no_line(begin, place, speakers, reporter) -> None:
    class Broken:
        async def report(self, reports: Any) -> Any:
            raise ZeroDivisionError

    records = await begin(2)
    for record in records:
        speakers.contexts[record.claim.id].log("hello")
    with pytest.raises(ZeroDivisionError):
        await reporter(broker=Broken()).tick()
    assert [record.has_news for record in records] == [True, True]
    speakers.go.set()
    settlements = await place.settlements(2)
    assert [[line.message for line in each.logs] for each in settlements] == [["hello"], ["hello"]]


# Ends while a report is on its way


async def test_the_outcome_of_a_run_waits_for_its_report(
    begin, place, store, speakers, reporter
) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    ctx.progress(10, "on its way")
    store.faults.hang("report")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(reporter().tick)
            await store.faults.called("report")
            ctx.progress(90, "newer")
            ctx.log("last words")
            speakers.go.set()
            await anyio.wait_all_tasks_blocked()
            # Else the report could come after the outcome, and find the token stale.
            assert (record.active, len(place.outbox)) == (False, 0)
            store.faults.heal("report")
    [settlement] = await place.settlements()
    assert (settlement.progress, settlement.progress_message) == (90, "newer")
    assert [line.message for line in settlement.logs] == ["last words"]


async def test_a_report_that_fails_lets_the_outcome_carry_its_news(
    begin, place, store, speakers, reporter
) -> None:
    [record] = await begin()
    ctx = speakers.contexts[record.claim.id]
    ctx.log("early")

    class Failing:
        async def report(self, reports: Any) -> Any:
            speakers.go.set()
            await asyncio.wait([record.task])
            return await store.broker.report(reports)

    store.faults.fail("report")
    await reporter(broker=Failing()).tick()
    [settlement] = await place.settlements()
    assert [line.message for line in settlement.logs] == ["early"]


async def test_a_stop_waits_for_the_report_that_is_on_its_way(
    begin, place, store, speakers, reporter
) -> None:
    [record] = await begin()
    speakers.contexts[record.claim.id].log("hello")
    store.faults.hang("report")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            await group.start(reporter(interval=0.0).run)
            await store.faults.called("report")
            speakers.go.set()
            group.cancel_scope.cancel()
            store.faults.heal("report")
    [settlement] = await place.settlements()
    assert settlement.logs == ()
    lines = (await store.detail(record.claim.id)).logs
    assert [line.message for line in lines] == ["hello"]
