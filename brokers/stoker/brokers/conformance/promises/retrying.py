"""An operator's retry: the same job from the start, with its history."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    detail_of,
    finish,
    ids_of,
    job_of,
    new_job,
    promote_all,
    run_of,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding, LogLine
from stoker.jobs.operating import RetryAnswer
from stoker.jobs.state import FINAL, LIVE, State


class RetryingPromises:
    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_an_ended_job_starts_over(self, broker: Broker, offset: Offset, state: State) -> None:
        claim = await start(broker, new_job(payload=b'{"n":1}', max_attempts=4, tags=("a",)))
        await finish(
            broker,
            claim,
            state,
            attempts=4,
            crashes=2,
            solo_deaths=1,
            returns=1,
            reason="why",
            error="no",
            result=b"1",
            progress=50.0,
            progress_message="half",
        )
        offset.advance(100)
        assert await broker.retry([claim.id]) == [RetryAnswer(claim.id, "retried")]
        detail = await detail_of(broker, claim.id)
        job = detail.job
        assert (job.state, job.attempts, job.crashes) == (State.PENDING, 0, 0)
        assert (detail.solo_deaths, detail.returns, detail.ready) == (0, 0, True)
        assert (job.reason, job.error, job.result, job.progress_message) == (None,) * 4
        assert (job.progress, job.completed_at, job.started_at, job.worker) == (None,) * 4
        assert (bytes(job.payload), job.max_attempts, job.tags) == (b'{"n":1}', 4, ("a",))
        assert job.created_at == claim.created_at
        assert timedelta(seconds=100) <= job.scheduled_at - claim.started_at
        (following,) = await take(broker)
        assert (following.id, following.attempts, following.crashes) == (claim.id, 1, 0)

    async def test_history_and_logs_are_kept(self, broker: Broker) -> None:
        claim = await start(broker)
        line = LogLine(claim.started_at, "before")
        await finish(broker, claim, State.FAILED, run=run_of(claim, error="no"), logs=(line,))
        before = await detail_of(broker, claim.id)
        await broker.retry([claim.id])
        after = await detail_of(broker, claim.id)
        assert (after.history, after.logs) == (before.history, before.logs)
        (claim,) = await take(broker)
        await finish(broker, claim, State.FAILED, run=run_of(claim, error="again"))
        assert [run.error for run in (await detail_of(broker, claim.id)).history] == ["no", "again"]

    async def test_a_large_result_does_not_come_back(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, result=b'"' + b"x" * 100_000 + b'"')
        await broker.retry([claim.id])
        assert (await job_of(broker, claim.id)).result is None
        await finish(broker, (await take(broker))[0], result=b"2")
        job = await job_of(broker, claim.id)
        assert job.result is not None and bytes(job.result) == b"2"

    async def test_a_retried_job_does_not_expire(self, broker: Broker, offset: Offset) -> None:
        job = new_job(expires=10.0)
        await broker.enqueue([job])
        offset.advance(20)
        await promote_all(broker)
        assert await state_of(broker, job.id) is State.SKIPPED
        await broker.retry([job.id])
        offset.advance(1000)
        await promote_all(broker)
        assert ids_of(await take(broker)) == [job.id]

    @pytest.mark.parametrize("state", sorted(LIVE))
    async def test_a_job_that_has_not_ended_is_not_retried(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        if state is not State.RUNNING:
            await finish(broker, claim, state, delay=50.0)
        there = await detail_of(broker, claim.id)
        assert await broker.retry([claim.id]) == [RetryAnswer(claim.id, "not_final")]
        assert await detail_of(broker, claim.id) == there

    async def test_answers_come_in_the_order_of_the_list(self, broker: Broker) -> None:
        ended, running, unknown = await start(broker), await start(broker), new_job()
        await finish(broker, ended)
        answers = await broker.retry([running.id, unknown.id, ended.id, ended.id])
        assert [answer.verdict for answer in answers] == [
            "not_final",
            "unknown",
            "retried",
            "not_final",
        ]
        assert [answer.id for answer in answers] == [running.id, unknown.id, ended.id, ended.id]

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker) -> None:
        assert await broker.retry([]) == []

    @pytest.mark.parametrize("scope", ["active", "waiting"])
    async def test_a_retry_takes_its_unique_key_again(self, broker: Broker, scope: str) -> None:
        job = new_job(unique=Holding("key", scope=scope))  # type: ignore[arg-type]
        await finish(broker, await start(broker, job))
        await broker.retry([job.id])
        (answer,) = await broker.enqueue([new_job(unique=Holding("key"))])
        assert (answer.id, answer.created) == (job.id, False)

    async def test_a_retry_whose_key_is_taken_is_refused_with_the_holder(self, broker: Broker) -> None:
        former, holder = (new_job(unique=Holding("key")) for _ in range(2))
        await finish(broker, await start(broker, former), State.FAILED)
        await broker.enqueue([holder])
        there = await detail_of(broker, former.id)
        answers = await broker.retry([former.id])
        assert answers == [RetryAnswer(former.id, "unique_taken", holder.id)]
        assert await detail_of(broker, former.id) == there

    async def test_of_two_with_one_key_one_is_retried(self, broker: Broker) -> None:
        first, second = (new_job(unique=Holding("key")) for _ in range(2))
        for job in (first, second):
            await finish(broker, await start(broker, job), State.FAILED)
        assert await broker.retry([first.id, second.id]) == [
            RetryAnswer(first.id, "retried"),
            RetryAnswer(second.id, "unique_taken", first.id),
        ]

    async def test_a_key_held_for_a_time_is_no_obstacle_to_its_holder(self, broker: Broker) -> None:
        job = new_job(unique=Holding("key", scope=1000.0))
        await finish(broker, await start(broker, job))
        assert await broker.retry([job.id]) == [RetryAnswer(job.id, "retried")]
