"""Promise 1, by unique key: at most one job holds a key of a queue, for as long as its scope says."""

from datetime import timedelta
from typing import Any

import pytest

from stoker.brokers.conformance.making import (
    counts_of,
    finish,
    ids_of,
    job_of,
    new_job,
    promote_all,
    retake,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Enqueued, Holding, NewJob
from stoker.jobs.operating import Keep
from stoker.jobs.state import FINAL, State

ACTIVE = Holding("key")
WAITING = Holding("key", scope="waiting")
MINUTE = Holding("key", scope=60.0)


async def free(broker: Broker) -> bool:
    """Whether a job could get the key now. If it could, it has it."""
    (answer,) = await broker.enqueue([new_job(unique=ACTIVE)])
    return answer.created


class UniqueKeyPromises:
    @pytest.mark.parametrize("holding", [ACTIVE, WAITING, MINUTE], ids=["active", "waiting", "60 s"])
    async def test_a_held_key_answers_its_holder(self, broker: Broker, holding: Holding) -> None:
        holder, other = new_job(unique=holding), new_job(unique=holding, payload=b'{"n":2}')
        assert await broker.enqueue([holder]) == [Enqueued(holder.id, True)]
        assert await broker.enqueue([other]) == [Enqueued(holder.id, False)]
        assert await broker.get([other.id]) == [None]
        assert (await counts_of(broker)).total == 1

    async def test_within_one_list_the_first_gets_the_key(self, broker: Broker) -> None:
        jobs = [new_job(unique=ACTIVE) for _ in range(3)]
        answers = await broker.enqueue(jobs)
        assert answers == [Enqueued(jobs[0].id, True)] + 2 * [Enqueued(jobs[0].id, False)]

    async def test_each_queue_has_keys_of_its_own(self, broker: Broker) -> None:
        answers = await broker.enqueue([new_job("a", unique=ACTIVE), new_job("b", unique=ACTIVE)])
        assert [answer.created for answer in answers] == [True, True]

    async def test_different_keys_do_not_touch(self, broker: Broker) -> None:
        answers = await broker.enqueue([new_job(unique=Holding(key)) for key in ("a", "A", "a ")])
        assert [answer.created for answer in answers] == [True, True, True]

    async def test_a_delayed_job_holds_its_key(self, broker: Broker) -> None:
        await broker.enqueue([new_job(unique=ACTIVE, delay=1000.0)])
        assert not await free(broker)

    @pytest.mark.parametrize("state", [State.PENDING, State.RETRYING])
    async def test_an_active_key_is_held_from_run_to_run(self, broker: Broker, state: State) -> None:
        claim = await start(broker, new_job(unique=ACTIVE))
        assert not await free(broker)
        await finish(broker, claim, state, delay=100.0)
        assert not await free(broker)

    async def test_an_active_key_is_held_through_a_crash(self, broker: Broker, offset: Offset) -> None:
        await start(broker, new_job(unique=ACTIVE))
        offset.advance(100)
        assert len(await retake(broker)) == 1
        assert not await free(broker)

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_an_active_key_is_free_after_the_end(self, broker: Broker, state: State) -> None:
        await finish(broker, await start(broker, new_job(unique=ACTIVE)), state)
        assert await free(broker)

    @pytest.mark.parametrize("holding", [ACTIVE, WAITING], ids=["active", "waiting"])
    async def test_cancelling_a_waiting_holder_frees_the_key(
        self, broker: Broker, holding: Holding
    ) -> None:
        holder = new_job(unique=holding)
        await broker.enqueue([holder])
        await broker.cancel([holder.id])
        assert await free(broker)

    @pytest.mark.parametrize("holding", [ACTIVE, WAITING], ids=["active", "waiting"])
    @pytest.mark.parametrize("seen_by", ["claim", "promote"])
    async def test_an_expired_holder_frees_the_key(
        self, broker: Broker, offset: Offset, holding: Holding, seen_by: str
    ) -> None:
        await broker.enqueue([new_job(unique=holding, expires=10.0)])
        offset.advance(20)
        if seen_by == "claim":
            await take(broker)
        else:
            await broker.promote(10)
        assert await free(broker)

    async def test_a_waiting_key_is_free_once_the_run_starts(self, broker: Broker) -> None:
        claim = await start(broker, new_job(unique=WAITING))
        assert await free(broker)
        await finish(broker, claim, State.RETRYING)
        assert not await free(broker)

    async def test_a_waiting_key_does_not_come_back_with_the_job(self, broker: Broker) -> None:
        claim = await start(broker, new_job(unique=WAITING))
        await finish(broker, claim, State.RETRYING, delay=100.0)
        assert await free(broker)

    async def test_a_key_held_for_a_time_outlives_its_job(self, broker: Broker, offset: Offset) -> None:
        holder = new_job(unique=MINUTE)
        await finish(broker, await start(broker, holder))
        offset.advance(50)
        assert await broker.enqueue([new_job(unique=ACTIVE)]) == [Enqueued(holder.id, False)]
        await broker.prune({State.COMPLETED: Keep(age=5.0)}, 100)
        assert await broker.enqueue([new_job(unique=ACTIVE)]) == [Enqueued(holder.id, False)]
        offset.advance(20)
        assert await free(broker)

    async def test_a_key_held_for_a_time_is_free_then_though_its_job_runs(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker, new_job(unique=MINUTE))
        offset.advance(70)
        assert await free(broker)
        assert not await free(broker)
        await finish(broker, claim)

    async def test_a_former_holder_does_not_free_the_key_of_the_next(
        self, broker: Broker, offset: Offset
    ) -> None:
        former = await start(broker, new_job(unique=MINUTE))
        offset.advance(70)
        assert await free(broker)
        await finish(broker, former)
        assert not await free(broker)

    async def test_an_error_names_the_holder(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE)
        await broker.enqueue([holder])
        with pytest.raises(UniqueConflict, match=holder.id) as raised:
            await broker.enqueue([new_job(unique=Holding("key", on_conflict="error"))])
        assert raised.value.holder == holder.id

    async def test_an_error_over_a_job_of_the_same_list_leaves_none_of_it(self, broker: Broker) -> None:
        first, second = new_job(unique=ACTIVE), new_job(unique=Holding("key", on_conflict="error"))
        with pytest.raises(UniqueConflict, match=first.id):
            await broker.enqueue([first, second])
        assert await broker.get([first.id, second.id]) == [None, None]
        assert await free(broker)

    async def test_a_free_key_raises_no_error(self, broker: Broker) -> None:
        job = new_job(unique=Holding("key", on_conflict="error"))
        assert await broker.enqueue([job]) == [Enqueued(job.id, True)]


def replacement(**changes: Any) -> NewJob:
    return new_job(unique=Holding("key", on_conflict="replace"), **changes)


class ReplacingPromises:
    """`on_conflict="replace"`."""

    async def test_a_waiting_holder_gets_the_new_content(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE, payload=b'{"n":1}', tags=("old",))
        await broker.enqueue([holder])
        before = await job_of(broker, holder.id)
        other = replacement(
            payload=b'{"n":2}', priority=9, tags=("new",), max_attempts=2, timeout=7.0, expires=50.0
        )
        assert await broker.enqueue([other]) == [Enqueued(holder.id, False)]
        assert await broker.get([other.id]) == [None]
        after = await job_of(broker, holder.id)
        assert (bytes(after.payload), after.priority, after.tags) == (b'{"n":2}', 9, ("new",))
        assert (after.max_attempts, after.timeout) == (2, 7.0)
        assert after.expires_at is not None
        assert (after.created_at, after.state) == (before.created_at, State.PENDING)
        assert (await take(broker))[0].payload == b'{"n":2}'

    async def test_large_content_replaces_small_and_small_large(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE)
        await broker.enqueue([holder])
        large = b'{"text":"' + b"x" * 50_000 + b'"}'
        for payload in (large, b'{"n":1}', large):
            await broker.enqueue([replacement(payload=payload)])
            assert bytes((await job_of(broker, holder.id)).payload) == payload
        assert (await take(broker))[0].payload == large

    async def test_a_new_time_delays_the_holder(self, broker: Broker, offset: Offset) -> None:
        holder = new_job(unique=ACTIVE)
        await broker.enqueue([holder])
        await broker.enqueue([replacement(delay=100.0)])
        assert await take(broker) == []
        counts = await counts_of(broker)
        assert (counts.ready, counts.delayed, counts.total) == (0, 1, 1)
        offset.advance(110)
        await promote_all(broker)
        assert ids_of(await take(broker)) == [holder.id]

    async def test_no_delay_makes_a_delayed_holder_ready(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE, delay=100.0)
        await broker.enqueue([holder])
        await broker.enqueue([replacement()])
        counts = await counts_of(broker)
        assert (counts.ready, counts.delayed, counts.total) == (1, 0, 1)
        assert ids_of(await take(broker)) == [holder.id]

    async def test_a_running_holder_keeps_what_it_was_given(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE, payload=b'{"n":1}')
        claim = await start(broker, holder)
        assert await broker.enqueue([replacement(payload=b'{"n":2}')]) == [Enqueued(holder.id, False)]
        await finish(broker, claim, State.RETRYING)
        assert (await take(broker))[0].payload == b'{"n":1}'

    async def test_a_holder_that_waits_for_its_next_run_is_replaced(self, broker: Broker) -> None:
        holder = new_job(unique=ACTIVE, payload=b'{"n":1}')
        await finish(broker, await start(broker, holder), State.RETRYING, delay=100.0)
        await broker.enqueue([replacement(payload=b'{"n":2}')])
        (claim,) = await take(broker)
        assert (claim.id, claim.payload, claim.attempts) == (holder.id, b'{"n":2}', 2)

    async def test_the_holder_keeps_the_scope_it_got_the_key_with(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue([new_job(unique=ACTIVE)])
        await broker.enqueue([new_job(unique=Holding("key", scope=60.0, on_conflict="replace"))])
        offset.advance(70)
        assert not await free(broker)
        await finish(broker, (await take(broker))[0])
        assert await free(broker)

    async def test_a_time_of_a_replacement_counts_from_now(
        self, broker: Broker, offset: Offset
    ) -> None:
        holder = new_job(unique=ACTIVE)
        await broker.enqueue([holder])
        offset.advance(1000)
        await broker.enqueue([replacement(delay=50.0)])
        job = await job_of(broker, holder.id)
        waited = job.scheduled_at - job.created_at
        assert timedelta(seconds=1050) <= waited < timedelta(seconds=1060)

    async def test_where_the_holder_is_gone_no_other_job_is_replaced(self, broker: Broker) -> None:
        gone = await start(broker, new_job(unique=MINUTE))
        await finish(broker, gone)
        assert await broker.prune({State.COMPLETED: Keep(count=0)}, 10) == 1
        other = new_job(payload=b'{"other": true}')
        await broker.enqueue([other])
        new = new_job(unique=Holding("key", scope=60.0, on_conflict="replace"))
        assert await broker.enqueue([new]) == [Enqueued(gone.id, False)]
        assert bytes((await job_of(broker, other.id)).payload) == other.payload
