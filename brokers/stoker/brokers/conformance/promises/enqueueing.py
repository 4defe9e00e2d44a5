"""Promise 1: jobs go in whole, once, and all of a call or none."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    EPOCH,
    counts_of,
    ending,
    finish,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    promote_all,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.ids import is_of_queue
from stoker.jobs.job import Enqueued, Holding
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

HOUR = 3600.0


class EnqueueingPromises:
    async def test_a_job_is_kept_as_it_was_given(self, broker: Broker) -> None:
        given = new_job(
            "mail.out",
            type="mail.send",
            priority=7,
            payload='{"to": "ä@example.org", "n": [1, 2.5, null]}'.encode(),
            max_attempts=3,
            timeout=12.5,
            expires=60.0,
            tags=("red", "ärger"),
            unique=Holding("order-1"),
            recurring_id="nightly",
        )
        assert await broker.enqueue([given]) == [Enqueued(given.id, True)]
        job = await job_of(broker, given.id)
        assert (job.id, job.type, job.queue, job.priority) == (given.id, "mail.send", "mail.out", 7)
        assert (job.state, job.reason, job.attempts, job.max_attempts) == (State.PENDING, None, 0, 3)
        assert (bytes(job.payload), job.timeout) == (given.payload, 12.5)
        assert (job.tags, job.unique_key, job.recurring_id) == (given.tags, "order-1", "nightly")
        assert job.scheduled_at == job.created_at
        assert job.expires_at == job.created_at + timedelta(seconds=60)
        assert (job.started_at, job.completed_at, job.progress, job.result) == (None,) * 4
        assert (job.crashes, job.error, job.cancel_requested, job.worker) == (0, None, False, None)

    async def test_a_claim_carries_what_the_job_was_given(self, broker: Broker) -> None:
        given = new_job(payload=b'{"n":1}', timeout=3.0, tags=("a",), headers={"traceparent": "00-ab"})
        claim = await start(broker, given)
        assert (claim.payload, claim.timeout, claim.tags) == (b'{"n":1}', 3.0, ("a",))
        assert claim.headers == {"traceparent": "00-ab"}

    async def test_an_id_leads_to_its_queue(self, broker: Broker) -> None:
        for queue in ("mail", "reports.big"):
            claim = await start(broker, new_job(queue))
            assert claim.queue == queue and is_of_queue(claim.id, queue)

    async def test_answers_come_in_the_order_of_the_list(self, broker: Broker) -> None:
        known, *fresh = jobs = new_jobs(3)
        await broker.enqueue([known])
        answers = await broker.enqueue([fresh[1], known, fresh[0]])
        assert answers == [
            Enqueued(jobs[2].id, True),
            Enqueued(known.id, False),
            Enqueued(jobs[1].id, True),
        ]

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker) -> None:
        assert await broker.enqueue([]) == []

    async def test_an_id_that_is_known_changes_nothing(self, broker: Broker) -> None:
        job = new_job(payload=b'{"n":1}')
        await broker.enqueue([job])
        again = new_job(id=job.id, payload=b'{"n":2}', priority=9)
        assert await broker.enqueue([again]) == [Enqueued(job.id, False)]
        kept = await job_of(broker, job.id)
        assert (bytes(kept.payload), kept.priority) == (b'{"n":1}', 5)
        assert (await counts_of(broker)).total == 1

    async def test_of_one_id_twice_in_a_list_the_first_counts(self, broker: Broker) -> None:
        job = new_job(payload=b'{"n":1}')
        answers = await broker.enqueue([job, new_job(id=job.id, payload=b'{"n":2}')])
        assert answers == [Enqueued(job.id, True), Enqueued(job.id, False)]
        assert bytes((await job_of(broker, job.id)).payload) == b'{"n":1}'
        assert (await counts_of(broker)).total == 1

    async def test_an_id_stays_known_while_the_job_runs_and_after(self, broker: Broker) -> None:
        job = new_job()
        claim = await start(broker, job)
        assert await broker.enqueue([job]) == [Enqueued(job.id, False)]
        await finish(broker, claim)
        assert await broker.enqueue([job]) == [Enqueued(job.id, False)]
        assert (await job_of(broker, job.id)).state is State.COMPLETED

    @pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED])
    async def test_an_id_is_known_for_an_hour_after_its_job_was_pruned(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        job = new_job()
        await finish(broker, await start(broker, job), state)
        offset.advance(60)
        assert await broker.prune({state: Keep(age=30.0)}, 100) == 1
        assert await broker.get([job.id]) == [None]
        offset.advance(HOUR - 120)
        assert await broker.enqueue([job]) == [Enqueued(job.id, False)]
        assert await broker.get([job.id]) == [None]

    async def test_calls_are_all_or_nothing(self, broker: Broker) -> None:
        holder, first, second = new_jobs(3)
        await broker.enqueue([new_job(id=holder.id, unique=Holding("taken"))])
        conflict = new_job(unique=Holding("taken", on_conflict="error"))
        with pytest.raises(UniqueConflict) as raised:
            await broker.enqueue([first, conflict, second])
        assert raised.value.holder == holder.id
        assert await broker.get([first.id, conflict.id, second.id]) == [None, None, None]
        assert (await counts_of(broker)).total == 1
        assert ids_of(await take(broker)) == [holder.id]

    async def test_every_instance_sees_what_was_acknowledged(
        self, broker: Broker, second: Broker
    ) -> None:
        job = new_job()
        await broker.enqueue([job])
        assert ids_of(await take(second)) == [job.id]
        assert (await job_of(broker, job.id)).state is State.RUNNING

    async def test_a_delayed_job_waits_for_its_time(self, broker: Broker, offset: Offset) -> None:
        job = new_job(delay=100.0)
        await broker.enqueue([job])
        kept = await job_of(broker, job.id)
        assert kept.state is State.PENDING
        assert kept.scheduled_at == kept.created_at + timedelta(seconds=100)
        offset.advance(90)
        await promote_all(broker)
        assert await take(broker) == []
        offset.advance(20)
        await promote_all(broker)
        assert ids_of(await take(broker)) == [job.id]

    async def test_a_time_takes_the_place_of_a_delay(self, broker: Broker) -> None:
        job = new_job(at=EPOCH + timedelta(days=20_000), delay=0.0)
        await broker.enqueue([job])
        await promote_all(broker)
        assert await take(broker) == []
        assert (await job_of(broker, job.id)).scheduled_at == job.at

    async def test_a_time_in_the_past_is_kept_and_starts_at_once(self, broker: Broker) -> None:
        job = new_job(at=EPOCH - timedelta(days=3000))
        await broker.enqueue([job])
        (claim,) = await take(broker)
        assert (claim.id, claim.scheduled_at) == (job.id, job.at)

    async def test_a_large_payload_comes_back_whole(self, broker: Broker) -> None:
        payload = b'{"text":"' + b"x" * 250_000 + b'"}'
        claim = await start(broker, new_job(payload=payload))
        assert claim.payload == payload
        assert bytes((await job_of(broker, claim.id)).payload) == payload

    async def test_large_and_small_ones_go_in_together(self, broker: Broker) -> None:
        sizes = [10, 100_000, 20, 50_000, 0]
        jobs = [new_job(payload=b'{"text":"' + b"y" * size + b'"}') for size in sizes]
        await broker.enqueue(jobs)
        taken = {claim.id: claim.payload for claim in await take(broker)}
        assert taken == {job.id: job.payload for job in jobs}

    async def test_a_thousand_go_in_with_one_call(self, broker: Broker) -> None:
        jobs = new_jobs(1000)
        answers = await broker.enqueue(jobs)
        assert answers == [Enqueued(job.id, True) for job in jobs]
        assert (await counts_of(broker)).ready == 1000

    async def test_what_was_settled_is_not_reset_by_enqueueing_it_again(self, broker: Broker) -> None:
        job = new_job()
        claim = await start(broker, job)
        await broker.settle([ending(claim, result=b"42")])
        await broker.enqueue([job])
        assert await take(broker) == []
        kept = await job_of(broker, job.id)
        assert kept.result is not None and bytes(kept.result) == b"42"
