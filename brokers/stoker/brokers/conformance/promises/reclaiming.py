"""Promise 5: what the dead leave behind is taken over once, and each kind of end is counted apart."""

import random

from stoker.brokers.conformance.making import (
    LEASE,
    detail_of,
    finish,
    held,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    new_token,
    promote_all,
    retake,
    run_of,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Crashed, Ending, Raised, Released, Snoozed, UnknownType, decide
from stoker.jobs.retry import Retry
from stoker.jobs.state import State


class ReclaimingPromises:
    async def test_a_live_lease_is_not_touched(self, broker: Broker, offset: Offset) -> None:
        await start(broker)
        offset.advance(LEASE - 10)
        assert await retake(broker) == []

    async def test_an_expired_lease_is_taken_over(self, broker: Broker, offset: Offset) -> None:
        given = new_job(
            "mail", type="mail.send", priority=8, payload=b'{"n":1}', tags=("a",), max_attempts=2
        )
        claim = await start(broker, given)
        offset.advance(LEASE + 1)
        token = new_token()
        (swept,) = await broker.reclaim(10, token=token, lease=LEASE)
        assert (swept.id, swept.token, swept.attempts) == (claim.id, token, 1)
        assert (swept.queue, swept.type, swept.priority) == ("mail", "mail.send", 8)
        assert (swept.payload, swept.tags, swept.max_attempts) == (b'{"n":1}', ("a",), 2)
        assert (swept.started_at, swept.created_at) == (claim.started_at, claim.created_at)
        assert (swept.cancel_requested, swept.cancel_reason) == (False, None)
        job = await job_of(broker, claim.id)
        assert (job.state, job.attempts) == (State.RUNNING, 1)

    async def test_a_renewed_lease_is_not_touched(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        for _ in range(5):
            offset.advance(LEASE - 5)
            assert not (await broker.renew([held(claim)], LEASE)).lost
            assert await retake(broker) == []

    async def test_a_renewal_counts_from_now(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        await broker.renew([held(claim)], 10 * LEASE)
        offset.advance(9 * LEASE)
        assert await retake(broker) == []
        offset.advance(2 * LEASE)
        assert ids_of(await retake(broker)) == [claim.id]

    async def test_what_was_taken_over_is_held_for_a_lease(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker)
        offset.advance(2 * LEASE)
        assert len(await retake(broker)) == 1
        assert await retake(broker) == []
        offset.advance(LEASE + 1)
        assert ids_of(await retake(broker)) == [claim.id]

    async def test_no_more_than_the_limit_is_taken(self, broker: Broker, offset: Offset) -> None:
        jobs = new_jobs(5)
        await broker.enqueue(jobs)
        await take(broker)
        offset.advance(2 * LEASE)
        rounds = [await retake(broker, limit=2) for _ in range(4)]
        assert [len(claims) for claims in rounds] == [2, 2, 1, 0]
        assert sorted(claim.id for claims in rounds for claim in claims) == ids_of(jobs)

    async def test_the_waiting_and_the_ended_are_not_touched(
        self, broker: Broker, offset: Offset
    ) -> None:
        await finish(broker, await start(broker))
        await finish(broker, await start(broker), State.RETRYING, delay=5.0)
        await broker.enqueue([new_job()])
        offset.advance(100 * LEASE)
        assert await retake(broker) == []

    async def test_of_a_dead_worker_all_is_taken_at_once(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(5))
        dead = await take(broker, 3, worker="dead")
        await take(broker, 2, worker="alive")
        assert sorted(ids_of(await retake(broker, "dead"))) == sorted(ids_of(dead))

    async def test_of_a_worker_no_others_are_taken_though_expired(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(2))
        (dead,) = await take(broker, 1, worker="dead")
        await take(broker, 1, worker="another")
        offset.advance(2 * LEASE)
        assert ids_of(await retake(broker, "dead")) == [dead.id]

    async def test_what_was_taken_from_a_worker_is_not_its_any_more(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(3))
        await take(broker, worker="dead")
        assert [len(await retake(broker, "dead", limit=2)) for _ in range(3)] == [2, 1, 0]
        offset.advance(LEASE + 1)
        assert len(await retake(broker)) == 3
        assert await retake(broker, "dead") == []

    async def test_what_a_worker_claims_again_is_its_again(self, broker: Broker) -> None:
        claim = await start(broker, worker="same")
        (swept,) = await retake(broker, "same")
        await finish(broker, swept, State.PENDING, attempts=0, crashes=1)
        await take(broker, worker="same")
        assert ids_of(await retake(broker, "same")) == [claim.id]

    async def test_of_a_worker_nobody_knows_nothing_is_taken(self, broker: Broker) -> None:
        await start(broker)
        assert await retake(broker, "nobody") == []

    async def test_the_history_names_the_worker_that_died(self, broker: Broker, offset: Offset) -> None:
        await start(broker, worker="dead")
        offset.advance(2 * LEASE)
        (swept,) = await retake(broker)
        await finish(broker, swept, State.PENDING, run=run_of(swept, outcome="crashed"))
        (run,) = (await detail_of(broker, swept.id)).history
        assert (run.worker, run.outcome, run.started_at) == ("dead", "crashed", swept.started_at)

    async def test_the_time_since_the_stores_start_is_not_negative(self, broker: Broker) -> None:
        assert await broker.uptime() >= 0


async def end(broker: Broker, claim: Claim, end: Ending) -> None:
    settlement = decide(
        claim, end, retry=Retry(max_attempts=claim.max_attempts, base=1.0), jitter=random.random
    )
    assert await broker.settle([settlement]) == ["accepted"]


async def again(broker: Broker, offset: Offset) -> Claim:
    """The next run of the only job, whenever it is due."""
    offset.advance(3600)
    await promote_all(broker)
    (claim,) = await take(broker)
    return claim


class CountsOfEndingsPromises:
    """Attempts, crashes and releases are counted apart."""

    async def test_a_crash_spends_no_attempt(self, broker: Broker, offset: Offset) -> None:
        await start(broker, new_job(max_attempts=1))
        for crashes in (1, 2, 3):
            offset.advance(2 * LEASE)
            (swept,) = await retake(broker)
            await end(broker, swept, Crashed())
            job = await job_of(broker, swept.id)
            assert (job.state, job.attempts, job.crashes) == (State.PENDING, 0, crashes)
            claim = await again(broker, offset)
            assert (claim.attempts, claim.crashes, claim.solo_deaths) == (1, crashes, 0)

    async def test_a_release_and_a_snooze_count_as_nothing(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker, new_job(max_attempts=1))
        for way in (Released("shutdown"), Snoozed(60.0), Released("shutdown", started=False)):
            await end(broker, claim, way)
            claim = await again(broker, offset)
            assert (claim.attempts, claim.crashes, claim.returns) == (1, 0, 0)

    async def test_a_failure_spends_an_attempt_and_keeps_the_crashes(
        self, broker: Broker, offset: Offset
    ) -> None:
        await start(broker, new_job(max_attempts=2))
        offset.advance(2 * LEASE)
        (swept,) = await retake(broker)
        await end(broker, swept, Crashed())
        claim = await again(broker, offset)
        await end(broker, claim, Raised("ValueError: no"))
        claim = await again(broker, offset)
        assert (claim.attempts, claim.crashes) == (2, 1)
        await end(broker, claim, Raised("ValueError: no"))
        job = await job_of(broker, claim.id)
        assert (job.state, job.attempts, job.crashes) == (State.FAILED, 2, 1)

    async def test_returns_of_an_unknown_type_add_up_until_it_runs(
        self, broker: Broker, offset: Offset
    ) -> None:
        claim = await start(broker)
        for returns in (1, 2):
            await end(broker, claim, UnknownType())
            claim = await again(broker, offset)
            assert (claim.returns, claim.attempts) == (returns, 1)
        await end(broker, claim, Raised("ValueError: no"))
        assert (await again(broker, offset)).returns == 0

    async def test_three_deaths_alone_end_a_job_as_poisoned(
        self, broker: Broker, offset: Offset
    ) -> None:
        await start(broker, worker="child")
        for _ in range(3):
            (swept,) = await retake(broker, "child")
            await end(broker, swept, Crashed(solo=True))
            if (await job_of(broker, swept.id)).state is State.FAILED:
                break
            offset.advance(3600)
            await promote_all(broker)
            await take(broker, worker="child")
        job = await job_of(broker, swept.id)
        assert (job.state, job.reason, job.crashes) == (State.FAILED, "poisoned", 3)
        assert (await detail_of(broker, swept.id)).solo_deaths == 3
