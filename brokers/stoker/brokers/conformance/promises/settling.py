"""What a settlement writes, and that it may be sent again."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    detail_of,
    ending,
    finish,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    promote_all,
    run_of,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Report, Run, Settlement
from stoker.jobs.state import FINAL, WAITING, State

LARGE = b'"' + b"x" * 200_000 + b'"'


class SettlingPromises:
    async def test_a_result_is_kept(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, result=b'{"rows": 500}')
        job = await job_of(broker, claim.id)
        assert job.result is not None and bytes(job.result) == b'{"rows": 500}'
        assert (job.state, job.attempts, job.error) == (State.COMPLETED, 1, None)
        assert job.started_at is not None and job.completed_at is not None
        assert job.created_at <= job.started_at <= job.completed_at

    async def test_a_large_result_is_kept_whole(self, broker: Broker) -> None:
        claim = await start(broker, new_job(payload=b'{"text":"' + b"y" * 100_000 + b'"}'))
        await finish(broker, claim, result=LARGE)
        job = await job_of(broker, claim.id)
        assert job.result is not None and bytes(job.result) == LARGE
        assert bytes(job.payload) == claim.payload

    @pytest.mark.parametrize("result", [b"1", LARGE], ids=["small", "large"])
    @pytest.mark.parametrize("state", sorted(WAITING))
    async def test_a_run_that_is_to_be_repeated_leaves_no_result(
        self, broker: Broker, state: State, result: bytes
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim, state, result=result)
        assert (await job_of(broker, claim.id)).result is None
        await finish(broker, (await take(broker))[0])
        assert (await job_of(broker, claim.id)).result is None

    async def test_no_result_is_no_result(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, reason="the result is not kept")
        job = await job_of(broker, claim.id)
        assert (job.result, job.reason) == (None, "the result is not kept")

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_an_end_has_its_time_reason_and_error(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        claim = await start(broker)
        offset.advance(7)
        await finish(broker, claim, state, reason="why", error="ValueError: no")
        job = await job_of(broker, claim.id)
        assert (job.state, job.reason, job.error) == (state, "why", "ValueError: no")
        assert job.completed_at is not None
        assert timedelta(seconds=7) <= job.completed_at - claim.started_at < timedelta(seconds=12)
        assert await take(broker) == []

    @pytest.mark.parametrize("state", sorted(WAITING))
    async def test_a_delay_counts_from_the_settlement(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        claim = await start(broker)
        offset.advance(10)
        await finish(broker, claim, state, delay=100.0, error="ValueError: no")
        job = await job_of(broker, claim.id)
        assert (job.state, job.completed_at, job.error) == (state, None, "ValueError: no")
        waits = job.scheduled_at - claim.started_at
        assert timedelta(seconds=110) <= waits < timedelta(seconds=115)
        offset.advance(95)
        await promote_all(broker)
        assert await take(broker) == []
        offset.advance(10)
        await promote_all(broker)
        assert ids_of(await take(broker)) == [claim.id]

    @pytest.mark.parametrize("state", sorted(WAITING))
    async def test_without_a_delay_the_next_run_may_start_at_once(
        self, broker: Broker, state: State
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim, state)
        assert (await detail_of(broker, claim.id)).ready
        assert ids_of(await take(broker)) == [claim.id]

    async def test_the_counts_are_as_the_settlement_says(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.PENDING, attempts=0, crashes=3, solo_deaths=2, returns=4)
        detail = await detail_of(broker, claim.id)
        assert (detail.job.attempts, detail.job.crashes) == (0, 3)
        assert (detail.solo_deaths, detail.returns) == (2, 4)
        (claim,) = await take(broker)
        assert (claim.attempts, claim.crashes, claim.solo_deaths, claim.returns) == (1, 3, 2, 4)

    async def test_the_last_progress_comes_with_the_settlement(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, progress=99.5, progress_message="nearly")
        job = await job_of(broker, claim.id)
        assert (job.progress, job.progress_message) == (99.5, "nearly")

    async def test_a_settlement_without_progress_leaves_what_was_reported(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report(
            [Report(id=claim.id, token=claim.token, progress=40.0, progress_message="on it")]
        )
        await finish(broker, claim)
        job = await job_of(broker, claim.id)
        assert (job.progress, job.progress_message) == (40.0, "on it")

    async def test_a_plain_success_leaves_no_history(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim)
        assert (await detail_of(broker, claim.id)).history == ()

    async def test_history_is_kept_run_by_run(self, broker: Broker) -> None:
        claim = await start(broker, worker="first")
        failed = run_of(
            claim,
            ended_at=claim.started_at + timedelta(seconds=2),
            worker="first",
            outcome="timeout",
            error="TimeoutError: 2 s",
            traceback="Traceback …",
        )
        await finish(broker, claim, State.RETRYING, run=failed)
        (claim,) = await take(broker, worker="second")
        await finish(broker, claim, State.FAILED, run=run_of(claim, worker="second", error="no"))
        history = (await detail_of(broker, claim.id)).history
        assert history[0] == failed
        assert [(run.attempt, run.worker, run.error) for run in history] == [
            (1, "first", "TimeoutError: 2 s"),
            (2, "second", "no"),
        ]

    async def test_a_run_whose_worker_is_not_said_is_of_the_claims_worker(self, broker: Broker) -> None:
        claim = await start(broker, worker="host:7")
        await finish(broker, claim, State.FAILED, run=run_of(claim))
        assert [run.worker for run in (await detail_of(broker, claim.id)).history] == ["host:7"]

    async def test_verdicts_come_in_the_order_of_the_list(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(4))
        first, second, third, fourth = await take(broker)
        await finish(broker, second)
        verdicts = await broker.settle(
            [
                ending(first, State.FAILED),
                ending(second),
                ending(third, token="somebody-else"),
                Settlement(id="no-such-job", token="t", state=State.COMPLETED, attempts=1),
                ending(fourth, State.RETRYING, delay=5.0),
            ]
        )
        assert verdicts == ["accepted", "already", "lost", "lost", "accepted"]
        states = [await state_of(broker, claim.id) for claim in (first, second, third, fourth)]
        assert states == [State.FAILED, State.COMPLETED, State.RUNNING, State.RETRYING]

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker) -> None:
        assert await broker.settle([]) == []

    async def test_hundreds_are_settled_with_one_call(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(300))
        claims = await take(broker, 300)
        verdicts = await broker.settle([ending(claim, result=b"1") for claim in claims])
        assert verdicts == ["accepted"] * 300
        jobs = await broker.get(ids_of(claims))
        assert all(job is not None and job.state is State.COMPLETED for job in jobs)


class ResendingPromises:
    """Promise 4: what was written is not written again, and the answer says so."""

    @pytest.mark.parametrize("state", sorted(FINAL | WAITING))
    async def test_a_settlement_sent_again_answers_already(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        settlement = ending(claim, state, delay=50.0, run=Run(attempt=1, started_at=claim.started_at))
        assert await broker.settle([settlement]) == ["accepted"]
        there = await detail_of(broker, claim.id)
        assert await broker.settle([settlement]) == ["already"]
        assert await broker.settle([settlement, settlement]) == ["already", "already"]
        assert await detail_of(broker, claim.id) == there

    async def test_twice_in_one_batch_the_first_counts(self, broker: Broker) -> None:
        claim = await start(broker)
        verdicts = await broker.settle([ending(claim, result=b"1"), ending(claim, result=b"2")])
        assert verdicts == ["accepted", "already"]
        job = await job_of(broker, claim.id)
        assert job.result is not None and bytes(job.result) == b"1"

    async def test_a_former_run_is_answered_beside_the_present_one(self, broker: Broker) -> None:
        await broker.enqueue([new_job()])
        (former,) = await take(broker)
        again = ending(former, State.PENDING)
        await broker.settle([again])
        (present,) = await take(broker)
        assert await broker.settle([again, ending(present)]) == ["already", "accepted"]

    async def test_another_instance_knows_what_was_settled(
        self, broker: Broker, second: Broker
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim)
        assert await second.settle([ending(claim)]) == ["already"]

    async def test_a_finished_job_remembers_over_time(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        await finish(broker, claim)
        offset.advance(24 * 3600)
        assert await broker.settle([ending(claim)]) == ["already"]

    async def test_a_release_sent_again_does_not_touch_the_next_run(self, broker: Broker) -> None:
        claim = await start(broker)
        release = ending(claim, State.PENDING, attempts=0)
        assert await broker.settle([release]) == ["accepted"]
        (following,) = await take(broker)
        there = await detail_of(broker, claim.id)
        (verdict,) = await broker.settle([release])
        assert verdict in ("already", "lost")
        assert await detail_of(broker, claim.id) == there
        await finish(broker, following)
