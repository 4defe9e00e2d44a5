"""Promise 8: whatever happens, the counts say what there is, and sum up to what was enqueued."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    counts_of,
    finish,
    new_job,
    new_jobs,
    promote_all,
    retake,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding
from stoker.jobs.operating import Counts, Keep
from stoker.jobs.state import FINAL, State


class CountingPromises:
    async def test_an_empty_store_has_no_queues(self, broker: Broker) -> None:
        assert await broker.queues() == []

    async def test_ready_and_delayed_are_counted_apart(self, broker: Broker) -> None:
        await broker.enqueue([*new_jobs(3), *new_jobs(2, delay=100.0)])
        counts = await counts_of(broker)
        assert (counts.ready, counts.delayed, counts.pending, counts.total) == (3, 2, 5, 5)

    async def test_each_queue_is_counted_apart_by_name(self, broker: Broker) -> None:
        await broker.enqueue([*new_jobs(2, "b"), *new_jobs(1, "c"), *new_jobs(3, "a")])
        queues = [info.counts for info in await broker.queues()]
        assert queues == [
            Counts(queue="a", ready=3),
            Counts(queue="b", ready=2),
            Counts(queue="c", ready=1),
        ]

    async def test_running_and_retrying_are_counted(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(3))
        claims = await take(broker, 2)
        assert await counts_of(broker) == Counts(queue="default", ready=1, running=2)
        await finish(broker, claims[0], State.RETRYING, delay=100.0)
        assert await counts_of(broker) == Counts(queue="default", ready=1, running=1, retrying=1)

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_each_end_is_counted(self, broker: Broker, state: State) -> None:
        await finish(broker, await start(broker), state)
        counts = await counts_of(broker)
        assert (getattr(counts, state), counts.total) == (1, 1)

    @pytest.mark.parametrize(
        ("delay", "counts"),
        [(0.0, Counts(queue="default", ready=1)), (50.0, Counts(queue="default", delayed=1))],
        ids=["at once", "later"],
    )
    async def test_what_is_given_back_is_counted_as_pending(
        self, broker: Broker, delay: float, counts: Counts
    ) -> None:
        await finish(broker, await start(broker), State.PENDING, delay=delay)
        assert await counts_of(broker) == counts

    async def test_what_changes_nothing_is_not_counted(self, broker: Broker) -> None:
        job = new_job(unique=Holding("key"))
        await broker.enqueue([job])
        await broker.enqueue([job, new_job(unique=Holding("key"))])
        await broker.retry([job.id])
        (claim,) = await take(broker)
        await broker.cancel([claim.id])
        await finish(broker, claim)
        await broker.cancel([claim.id])
        assert await counts_of(broker) == Counts(queue="default", completed=1)

    async def test_a_retry_moves_the_count_back(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.FAILED)
        await broker.retry([claim.id])
        assert await counts_of(broker) == Counts(queue="default", ready=1)

    async def test_reclaiming_leaves_the_counts(self, broker: Broker, offset: Offset) -> None:
        await start(broker)
        offset.advance(100)
        await retake(broker)
        assert await counts_of(broker) == Counts(queue="default", running=1)

    async def test_the_sum_stays_what_was_enqueued(self, broker: Broker, offset: Offset) -> None:
        await broker.enqueue([*new_jobs(8), *new_jobs(4, delay=50.0), *new_jobs(3, expires=10.0)])
        seen = [await counts_of(broker)]
        claims = await take(broker, 6)
        for claim, state in zip(
            claims,
            [State.COMPLETED, State.FAILED, State.RETRYING, State.PENDING, State.CANCELLED],
            strict=False,
        ):
            await finish(broker, claim, state, delay=20.0)
            seen.append(await counts_of(broker))
        offset.advance(60)
        await promote_all(broker)
        seen.append(await counts_of(broker))
        for swept in await retake(broker):
            await finish(broker, swept, State.PENDING)
        seen.append(await counts_of(broker))
        await broker.prune({state: Keep(age=5.0) for state in FINAL}, 100)
        seen.append(await counts_of(broker))
        assert [counts.total for counts in seen] == [15] * len(seen)
        assert all(
            getattr(counts, name) >= 0 for counts in seen for name in Counts.__struct_fields__[1:]
        )
        assert seen[-1].pruned > 0 and seen[-1].completed == 0

    async def test_many_rounds_do_not_wear_the_counts_out(self, broker: Broker, offset: Offset) -> None:
        for _ in range(30):
            await broker.enqueue(new_jobs(2))
            for claim in await take(broker):
                await finish(broker, claim)
            await promote_all(broker)
            await broker.prune({State.COMPLETED: Keep(count=3)}, 100)
        assert await counts_of(broker) == Counts(queue="default", completed=3, pruned=57)

    async def test_every_instance_counts_alike(self, broker: Broker, second: Broker) -> None:
        await broker.enqueue(new_jobs(2))
        await second.enqueue(new_jobs(2))
        await take(second, 1)
        assert await counts_of(broker) == await counts_of(second)
        assert await counts_of(broker) == Counts(queue="default", ready=3, running=1)

    async def test_the_oldest_ready_is_the_one_that_became_due_first(
        self, broker: Broker, offset: Offset
    ) -> None:
        delayed = new_job(delay=20.0, priority=0)
        await broker.enqueue([delayed])
        (info,) = await broker.queues()
        assert info.oldest_ready is None
        offset.advance(30)
        await promote_all(broker)
        await broker.enqueue([new_job(priority=9)])
        (info,) = await broker.queues()
        (job,) = await broker.get([delayed.id])
        assert job is not None and info.oldest_ready == job.scheduled_at
        await take(broker)
        (info,) = await broker.queues()
        assert info.oldest_ready is None

    async def test_a_retry_that_is_due_is_ready_as_well(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.RETRYING, delay=10.0)
        offset.advance(20)
        await promote_all(broker)
        (info,) = await broker.queues()
        assert info.oldest_ready is not None
        assert timedelta(seconds=10) <= info.oldest_ready - claim.started_at < timedelta(seconds=15)
