from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.settler import LARGEST_BATCH, UNSTORED, Settler
from stoker.handlers import Context, Snooze, handler
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.events import LeaseLost, Settled, StoreLost
from stoker.jobs.state import State


@handler("work")
async def work(ctx: Context, number: int = 0) -> int:
    ctx.progress(50, "half")
    ctx.log(f"line {number}")
    return number


@handler("failing")
async def failing() -> None:
    raise ValueError("no")


@handler("snoozing")
async def snoozing() -> None:
    raise Snooze("1m")


HANDLERS = (work, failing, snoozing)


@pytest.fixture
def settler(store, events) -> Callable[..., Settler]:
    def make(place: Any, *, broker: Any = None, flush_grace: float = 5.0) -> Settler:
        return Settler(
            broker=broker or store.broker,
            outbox=place.outbox,
            runs=place.runs,
            emit=events.emit,
            clock=place.clock,
            flush_grace=flush_grace,
        )

    return make


async def ended(place: Any, store: Any, *types: str) -> list[str]:
    """Ids of jobs of these types that have run, and whose outcome is in the outbox."""
    ids = [await store.put(type) for type in types]
    before = len(place.outbox)
    place.begin(*await store.claim(len(ids)))
    await place.settlements(before + len(ids))
    return ids


async def test_outcomes_are_written_and_their_records_let_go(
    workplace, store, settler, at_work, events
) -> None:
    place = workplace(*HANDLERS)
    ids = await ended(place, store, "work", "failing", "snoozing")
    async with at_work(settler(place)):
        await events.happens(Settled)
    states = [(await store.job(id)).state for id in ids]
    assert states == [State.COMPLETED, State.RETRYING, State.PENDING]
    assert (place.runs.records, len(place.outbox)) == ({}, 0)


async def test_what_gathered_while_a_batch_was_written_is_the_next(
    workplace, store, settler, at_work, events
) -> None:
    place = workplace(*HANDLERS, slots=20)
    store.faults.hang("settle", times=1)
    async with at_work(settler(place)):
        await ended(place, store, "work")
        await store.faults.called("settle")
        await ended(place, store, *["work"] * 7)
        store.faults.heal("settle")
        await events.happens(Settled, times=2)
    assert [event.accepted for event in events.of(Settled)] == [1, 7]


async def test_a_batch_is_bounded(workplace, store, settler, at_work, events) -> None:
    place = workplace(*HANDLERS, slots=1000)
    await ended(place, store, *["work"] * (LARGEST_BATCH + 5))
    async with at_work(settler(place)):
        await events.happens(Settled, times=2)
    assert [event.accepted for event in events.of(Settled)] == [LARGEST_BATCH, 5]


async def test_the_outcome_of_a_job_carries_what_it_has_said(
    workplace, store, settler, at_work, events
) -> None:
    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    async with at_work(settler(place)):
        await events.happens(Settled)
    detail = await store.detail(id)
    assert [line.message for line in detail.logs] == ["line 0"]
    assert (detail.job.progress, detail.job.progress_message) == (50, "half")


# Outages


async def test_the_same_batch_is_sent_until_it_is_answered(
    workplace, store, settler, at_work, events, impatient
) -> None:
    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    store.faults.fail("settle", times=3)
    async with at_work(settler(place)):
        await events.happens(Settled)
    assert (await store.job(id)).state is State.COMPLETED
    assert len(events.of(StoreLost)) == 3


async def test_a_batch_whose_answer_was_lost_is_answered_already(
    workplace, store, settler, at_work, events, impatient
) -> None:
    place = workplace(*HANDLERS)
    await ended(place, store, "work", "failing")
    store.faults.fail("settle", times=1, after=True)
    async with at_work(settler(place)):
        settled = await events.happens(Settled)
    assert (settled.accepted, settled.already, settled.lost) == (0, 2, 0)
    assert place.runs.records == {}


async def test_outcomes_that_are_not_written_are_still_held(
    workplace, store, settler, at_work, impatient
) -> None:
    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    store.faults.fail("settle")
    async with at_work(settler(place, flush_grace=0.0)):
        await store.faults.called("settle", 5)
        assert list(place.runs.records) == [id]  # so the keeper renews it


async def test_a_lost_claim_is_told_and_let_go(workplace, store, settler, at_work, events) -> None:
    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    await store.take_away(id)
    async with at_work(settler(place)):
        settled = await events.happens(Settled)
    assert settled.lost == 1
    assert events.of(LeaseLost) == [LeaseLost(id, "work", "settle")]
    assert place.runs.records == {}
    assert (await store.job(id)).state is State.RUNNING  # somebody else's


# What the store cannot hold


class Fastidious:
    """Refuses settlements with more to them than the decision, and keeps what it accepts."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Any]] = []

    async def settle(self, settlements: Sequence[Any]) -> list[str]:
        self.calls.append(settlements)
        return ["invalid" if each.result or each.logs else "accepted" for each in settlements]


async def test_an_invalid_outcome_is_written_bare_and_its_mates_are_not_sent_again(
    workplace, store, settler, at_work, events
) -> None:
    place = workplace(*HANDLERS)
    ids = await ended(place, store, "snoozing", "work", "failing")
    broker = Fastidious()
    async with at_work(settler(place, broker=broker)):
        settled = await events.happens(Settled)
    [batch, again] = broker.calls
    assert [each.id for each in batch] == ids
    [bare] = again
    assert (bare.id, bare.state, bare.result, bare.logs) == (ids[1], State.COMPLETED, None, ())
    assert (bare.reason, bare.dropped_logs, bare.progress) == (UNSTORED, 1, None)
    assert (settled.accepted, settled.invalid) == (3, 0)


async def test_a_bare_failure_keeps_its_place_in_the_history(
    workplace, store, settler, at_work, events
) -> None:
    @handler("talking")
    async def talking(ctx: Context) -> None:
        ctx.log("hello")
        raise ValueError("no")

    place = workplace(talking)
    await ended(place, store, "talking")
    broker = Fastidious()
    async with at_work(settler(place, broker=broker)):
        await events.happens(Settled)
    [bare] = broker.calls[1]
    assert (bare.state, bare.error, bare.reason) == (State.RETRYING, UNSTORED, None)
    assert (bare.run.attempt, bare.run.worker, bare.run.outcome) == (1, "worker-1", "failed")
    assert (bare.run.error, bare.run.traceback) == (UNSTORED, None)


async def test_an_outcome_that_cannot_even_be_written_bare_is_counted_and_let_go(
    workplace, store, settler, at_work, events
) -> None:
    class Refusing:
        async def settle(self, settlements: Sequence[Any]) -> list[str]:
            return ["invalid"] * len(settlements)

    place = workplace(*HANDLERS)
    await ended(place, store, "work")
    async with at_work(settler(place, broker=Refusing())):
        settled = await events.happens(Settled)
    assert settled.invalid == 1
    assert place.runs.records == {}  # its lease ends, and it runs again


# Stops and falls


async def test_at_a_stop_what_is_in_the_outbox_is_written(workplace, store, settler, at_work) -> None:
    place = workplace(*HANDLERS, slots=1000)
    one = settler(place)
    async with at_work(one):
        ids = await ended(place, store, *["work"] * (2 * LARGEST_BATCH))
    assert {(await store.job(id)).state for id in ids} == {State.COMPLETED}
    assert len(place.outbox) == 0


async def test_a_write_that_a_stop_cuts_off_is_sent_again(
    workplace, store, settler, at_work, events
) -> None:
    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    store.faults.hang("settle", times=1, after=True)
    async with at_work(settler(place)):
        await store.faults.called("settle")
        await anyio.wait_all_tasks_blocked()  # it is written, and its answer hangs
    assert (await store.job(id)).state is State.COMPLETED
    assert [event.already for event in events.of(Settled)] == [1]


async def test_a_stop_waits_for_a_store_that_is_out_no_longer_than_its_grace(
    workplace, store, settler, at_work, impatient
) -> None:
    place = workplace(*HANDLERS)
    await ended(place, store, "work")
    store.faults.fail("settle")
    async with at_work(settler(place, flush_grace=0.05)):
        await store.faults.called("settle")
    assert len(place.outbox) == 1


async def test_a_settler_that_falls_loses_no_outcome(
    workplace, store, settler, at_work, events
) -> None:
    class Refused:
        async def settle(self, settlements: Sequence[Any]) -> list[str]:
            raise BrokerRefused("too new")

    place = workplace(*HANDLERS)
    [id] = await ended(place, store, "work")
    with anyio.fail_after(10), pytest.raises(BrokerRefused):
        await settler(place, broker=Refused()).run(task_status=anyio.TASK_STATUS_IGNORED)
    async with at_work(settler(place)):
        await events.happens(Settled)
    assert (await store.job(id)).state is State.COMPLETED


async def test_a_settler_that_falls_does_not_try_for_its_grace_first(workplace, store, settler) -> None:
    calls = 0

    class Refused:
        async def settle(self, settlements: Sequence[Any]) -> list[str]:
            nonlocal calls
            calls += 1
            raise BrokerRefused("too new")

    place = workplace(*HANDLERS)
    await ended(place, store, "work")
    with pytest.raises(BrokerRefused):
        await settler(place, broker=Refused()).run(task_status=anyio.TASK_STATUS_IGNORED)
    assert calls == 1


async def test_an_idle_settler_asks_the_store_nothing(workplace, store, settler, at_work) -> None:
    async with at_work(settler(workplace())):
        await anyio.wait_all_tasks_blocked()
    assert store.faults.calls["settle"] == 0
