"""Ended jobs go when they are too old or too many; their count and, for a while, their id stay."""

import pytest

from stoker.brokers.conformance.making import (
    EPOCH,
    counts_of,
    finish,
    ids_of,
    new_job,
    new_jobs,
    run_of,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Enqueued, LogLine
from stoker.jobs.operating import Keep, Query
from stoker.jobs.state import FINAL, State

LONG = 1e9


async def ended(
    broker: Broker, offset: Offset, count: int, state: State = State.COMPLETED, *, every: float = 10.0
) -> list[str]:
    """So many jobs, which ended one after the other."""
    ids = []
    for _ in range(count):
        offset.advance(every)
        claim = await start(broker)
        await finish(broker, claim, state)
        ids.append(claim.id)
    return ids


async def left(broker: Broker, ids: list[str]) -> list[str]:
    return [job.id for job in await broker.get(ids) if job is not None]


class RetentionPromises:
    async def test_what_is_too_old_goes(self, broker: Broker, offset: Offset) -> None:
        ids = await ended(broker, offset, 4)
        assert await broker.prune({State.COMPLETED: Keep(age=15.0)}, 100) == 2
        assert await left(broker, ids) == ids[2:]
        counts = await counts_of(broker)
        assert (counts.completed, counts.pruned) == (2, 2)

    async def test_what_is_too_many_goes_the_oldest_first(self, broker: Broker, offset: Offset) -> None:
        ids = await ended(broker, offset, 5)
        assert await broker.prune({State.COMPLETED: Keep(count=2)}, 100) == 3
        assert await left(broker, ids) == ids[3:]

    async def test_age_and_count_both_hold(self, broker: Broker, offset: Offset) -> None:
        ids = await ended(broker, offset, 6)
        assert await broker.prune({State.COMPLETED: Keep(age=35.0, count=5)}, 100) == 2
        assert await broker.prune({State.COMPLETED: Keep(age=LONG, count=3)}, 100) == 1
        assert await left(broker, ids) == ids[3:]

    async def test_within_retention_nothing_goes(self, broker: Broker, offset: Offset) -> None:
        ids = await ended(broker, offset, 3)
        keep = {State.COMPLETED: Keep(age=LONG, count=3), State.FAILED: Keep(age=0.0, count=0)}
        assert await broker.prune(keep, 100) == 0
        assert await broker.prune({State.COMPLETED: Keep()}, 100) == 0
        assert await broker.prune({}, 100) == 0
        assert await left(broker, ids) == ids

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_each_state_has_a_retention_of_its_own(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        jobs = {each: (await ended(broker, offset, 1, each))[0] for each in sorted(FINAL)}
        offset.advance(100)
        assert await broker.prune({state: Keep(age=50.0)}, 100) == 1
        assert await left(broker, list(jobs.values())) == [
            id for each, id in jobs.items() if each is not state
        ]

    async def test_no_more_than_the_limit_goes_in_a_round(self, broker: Broker, offset: Offset) -> None:
        await ended(broker, offset, 3)
        await ended(broker, offset, 3, State.FAILED)
        offset.advance(100)
        keep = {State.COMPLETED: Keep(age=50.0), State.FAILED: Keep(count=0)}
        assert [await broker.prune(keep, 2) for _ in range(4)] == [2, 2, 2, 0]

    async def test_live_jobs_never_go(self, broker: Broker, offset: Offset) -> None:
        await broker.enqueue(new_jobs(3))
        running, retried, _ = await take(broker)
        await finish(broker, retried, State.RETRYING, delay=50.0)
        await broker.enqueue([new_job(), new_job(delay=100.0)])
        offset.advance(LONG)
        keep = {state: Keep(age=0.0, count=0) for state in FINAL}
        assert await broker.prune(keep, 100) == 0
        counts = await counts_of(broker)
        assert (counts.total, counts.pruned, counts.running) == (5, 0, 2)
        await finish(broker, running)

    async def test_age_counts_from_the_end(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        offset.advance(1000)
        await finish(broker, claim)
        assert await broker.prune({State.COMPLETED: Keep(age=100.0)}, 100) == 0

    async def test_a_pruned_job_is_gone_with_all_that_was_beside_it(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker, new_job(payload=b'{"text":"' + b"x" * 50_000 + b'"}'))
        await finish(
            broker,
            claim,
            State.FAILED,
            run=run_of(claim),
            logs=(LogLine(EPOCH, "line"),),
            result=b'"' + b"y" * 50_000 + b'"',
        )
        offset.advance(100)
        await broker.prune({State.FAILED: Keep(age=50.0)}, 100)
        assert await broker.get([claim.id]) == [None]
        assert await broker.detail(claim.id) is None
        assert (await broker.find(Query())).items == ()
        assert [answer.verdict for answer in await broker.cancel([claim.id])] == ["unknown"]
        assert [answer.verdict for answer in await broker.retry([claim.id])] == ["unknown"]

    async def test_what_was_beside_it_does_not_pass_to_a_later_job(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.FAILED, run=run_of(claim), logs=(LogLine(EPOCH, "old"),))
        offset.advance(100)
        await broker.prune({State.FAILED: Keep(age=50.0)}, 100)
        following = new_job()
        await broker.enqueue([following])
        detail = await broker.detail(following.id)
        assert detail is not None and (detail.history, detail.logs) == ((), ())

    async def test_after_the_hour_an_id_may_be_used_again(self, broker: Broker, offset: Offset) -> None:
        job = new_job()
        await finish(broker, await start(broker, job))
        await broker.prune({State.COMPLETED: Keep(count=0)}, 100)
        offset.advance(2 * 3600)
        await broker.prune({}, 100)
        assert await broker.enqueue([job]) == [Enqueued(job.id, True)]
        assert ids_of(await take(broker)) == [job.id]
        assert (await counts_of(broker)).total == 2

    async def test_queues_are_known_after_their_jobs_are_gone(
        self, broker: Broker, offset: Offset
    ) -> None:
        await ended(broker, offset, 2)
        await broker.prune({State.COMPLETED: Keep(count=0)}, 100)
        (info,) = await broker.queues()
        assert (info.counts.queue, info.counts.pruned, info.counts.total) == ("default", 2, 2)
