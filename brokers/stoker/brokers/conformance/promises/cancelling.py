"""Promise 6: a cancel is final at once where nothing runs; where something does, a wish that stays."""

import pytest

from stoker.brokers.conformance.making import (
    LEASE,
    detail_of,
    ending,
    finish,
    held,
    job_of,
    new_job,
    new_jobs,
    promote_all,
    retake,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.operating import CancelAnswer
from stoker.jobs.state import FINAL, WAITING, State


class CancellingWaitingPromises:
    @pytest.mark.parametrize("delay", [0.0, 100.0], ids=["ready", "delayed"])
    async def test_a_pending_job_is_cancelled_at_once(
        self, broker: Broker, offset: Offset, delay: float
    ) -> None:
        job = new_job(delay=delay)
        await broker.enqueue([job])
        assert await broker.cancel([job.id], "not needed") == [CancelAnswer(job.id, "cancelled")]
        kept = await job_of(broker, job.id)
        assert (kept.state, kept.reason, kept.attempts) == (State.CANCELLED, "not needed", 0)
        assert kept.completed_at is not None and kept.cancel_requested
        offset.advance(200)
        await promote_all(broker)
        assert await take(broker) == []

    @pytest.mark.parametrize("state", sorted(WAITING))
    @pytest.mark.parametrize("delay", [0.0, 100.0], ids=["ready", "delayed"])
    async def test_a_job_between_two_runs_is_cancelled_at_once(
        self, broker: Broker, offset: Offset, state: State, delay: float
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim, state, delay=delay)
        assert await broker.cancel([claim.id]) == [CancelAnswer(claim.id, "cancelled")]
        kept = await job_of(broker, claim.id)
        assert (kept.state, kept.reason, kept.attempts) == (State.CANCELLED, None, 1)
        offset.advance(200)
        await promote_all(broker)
        assert await take(broker) == []

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_an_ended_job_stays_as_it_ended(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        await finish(broker, claim, state, reason="so it ended")
        there = await detail_of(broker, claim.id)
        assert await broker.cancel([claim.id], "too late") == [CancelAnswer(claim.id, "final")]
        assert await detail_of(broker, claim.id) == there

    async def test_answers_come_in_the_order_of_the_list(self, broker: Broker) -> None:
        running, ended = await start(broker), await start(broker)
        await finish(broker, ended)
        waiting, unknown = new_job(), new_job()
        await broker.enqueue([waiting])
        answers = await broker.cancel([unknown.id, waiting.id, ended.id, running.id, waiting.id])
        assert [(answer.id, answer.verdict) for answer in answers] == [
            (unknown.id, "unknown"),
            (waiting.id, "cancelled"),
            (ended.id, "final"),
            (running.id, "requested"),
            (waiting.id, "final"),
        ]

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker) -> None:
        assert await broker.cancel([]) == []

    async def test_others_are_left_alone(self, broker: Broker) -> None:
        jobs = new_jobs(3)
        await broker.enqueue(jobs)
        await broker.cancel([jobs[1].id])
        states = [await state_of(broker, job.id) for job in jobs]
        assert states == [State.PENDING, State.CANCELLED, State.PENDING]


class CancellingRunningPromises:
    async def test_it_is_a_wish_that_the_next_renewal_delivers(self, broker: Broker) -> None:
        claim = await start(broker)
        assert await broker.cancel([claim.id], "stop it") == [CancelAnswer(claim.id, "requested")]
        job = await job_of(broker, claim.id)
        assert (job.state, job.cancel_requested) == (State.RUNNING, True)
        renewal = await broker.renew([held(claim)], LEASE)
        assert (renewal.lost, dict(renewal.cancelled)) == (frozenset(), {claim.id: "stop it"})

    async def test_only_those_that_were_wished_are_delivered(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(3))
        claims = await take(broker)
        await broker.cancel([claims[1].id])
        renewal = await broker.renew([held(claim) for claim in claims], LEASE)
        assert dict(renewal.cancelled) == {claims[1].id: None}

    async def test_every_renewal_delivers_it(self, broker: Broker, second: Broker) -> None:
        claim = await start(broker)
        await second.cancel([claim.id], "stop it")
        for _ in range(3):
            assert dict((await broker.renew([held(claim)], LEASE)).cancelled) == {claim.id: "stop it"}

    async def test_a_renewal_that_delivers_it_renews(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id])
        offset.advance(LEASE - 5)
        await broker.renew([held(claim)], LEASE)
        offset.advance(LEASE - 5)
        assert await retake(broker) == []

    async def test_the_first_reason_stays(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id], "first")
        await broker.cancel([claim.id], "second")
        assert dict((await broker.renew([held(claim)], LEASE)).cancelled) == {claim.id: "first"}

    @pytest.mark.parametrize("state", sorted(WAITING))
    @pytest.mark.parametrize("delay", [0.0, 100.0], ids=["at once", "later"])
    async def test_settling_to_a_waiting_state_cancels(
        self, broker: Broker, offset: Offset, state: State, delay: float
    ) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id], "stop it")
        await finish(broker, claim, state, delay=delay, error="ValueError: no")
        job = await job_of(broker, claim.id)
        assert (job.state, job.reason) == (State.CANCELLED, "stop it")
        assert job.completed_at is not None
        offset.advance(200)
        await promote_all(broker)
        assert await take(broker) == []

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_an_end_that_came_first_stands(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id], "stop it")
        await finish(broker, claim, state, reason="its own")
        job = await job_of(broker, claim.id)
        assert (job.state, job.reason) == (state, "its own")

    async def test_reclaiming_hands_the_wish_on(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id], "stop it")
        offset.advance(2 * LEASE)
        (swept,) = await retake(broker)
        assert (swept.cancel_requested, swept.cancel_reason) == (True, "stop it")
        await finish(broker, swept, State.PENDING)
        assert await state_of(broker, claim.id) is State.CANCELLED
        assert await take(broker) == []

    async def test_a_wish_after_reclaiming_is_respected(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        offset.advance(2 * LEASE)
        (swept,) = await retake(broker)
        assert await broker.cancel([claim.id]) == [CancelAnswer(claim.id, "requested")]
        await finish(broker, swept, State.PENDING)
        assert await state_of(broker, claim.id) is State.CANCELLED

    async def test_a_retry_forgets_the_wish(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.cancel([claim.id], "stop it")
        await finish(broker, claim, State.PENDING)
        await broker.retry([claim.id])
        (following,) = await take(broker)
        assert not (await job_of(broker, claim.id)).cancel_requested
        assert dict((await broker.renew([held(following)], LEASE)).cancelled) == {}
        await finish(broker, following, State.RETRYING)
        assert await state_of(broker, claim.id) is State.RETRYING

    async def test_settled_and_cancelled_one_batch_each_its_own(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(3))
        first, wished, last = await take(broker)
        await broker.cancel([wished.id])
        await broker.settle([ending(claim, State.RETRYING) for claim in (first, wished, last)])
        states = [await state_of(broker, claim.id) for claim in (first, wished, last)]
        assert states == [State.RETRYING, State.CANCELLED, State.RETRYING]
