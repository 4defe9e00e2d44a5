"""What becomes ready when its time has come, and what ends because its time has passed."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    counts_of,
    detail_of,
    finish,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    promote_all,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.state import WAITING, State


class PromotingPromises:
    async def test_nothing_to_do_says_so(self, broker: Broker) -> None:
        await broker.enqueue([new_job()])
        promotion = await broker.promote(10)
        assert (promotion.promoted, promotion.expired, promotion.queues) == (0, 0, ())
        assert (promotion.next_due, promotion.more) == (None, False)

    async def test_it_says_when_the_next_is_due(self, broker: Broker, offset: Offset) -> None:
        await broker.enqueue([new_job(delay=100.0), new_job(delay=50.0), new_job("b", delay=70.0)])
        offset.advance(20)
        due = (await broker.promote(10)).next_due
        assert due is not None and 20 < due <= 30

    async def test_what_is_due_becomes_ready(self, broker: Broker, offset: Offset) -> None:
        due, later = new_job(delay=10.0), new_job(delay=100.0)
        await broker.enqueue([due, later])
        offset.advance(20)
        await promote_all(broker)
        counts = await counts_of(broker)
        assert (counts.ready, counts.delayed) == (1, 1)
        ready = [(await detail_of(broker, job.id)).ready for job in (due, later)]
        assert ready == [True, False]
        assert ids_of(await take(broker)) == [due.id]

    async def test_rounds_keep_to_the_limit_and_end_when_nothing_is_left(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(5, delay=10.0))
        offset.advance(20)
        rounds = [await broker.promote(2)]
        while rounds[-1].more:
            rounds.append(await broker.promote(2))
        assert len(rounds) <= 4
        assert all(promotion.promoted <= 2 for promotion in rounds)
        assert len(await take(broker)) == 5

    async def test_many_delayed_ones_do_not_hide_those_that_are_due(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(50, delay=1000.0))
        due = new_job(delay=10.0)
        await broker.enqueue([due])
        offset.advance(20)
        await broker.promote(1)
        assert ids_of(await take(broker)) == [due.id]

    async def test_it_does_not_touch_the_time_or_the_order(
        self, broker: Broker, offset: Offset
    ) -> None:
        later, sooner = new_job(delay=20.0), new_job(delay=10.0)
        await broker.enqueue([later, sooner])
        times = [(await job_of(broker, job.id)).scheduled_at for job in (later, sooner)]
        offset.advance(30)
        await promote_all(broker)
        assert ids_of(await take(broker, 1)) == [sooner.id]
        assert [(await job_of(broker, job.id)).scheduled_at for job in (later, sooner)] == times

    async def test_a_delayed_one_queues_by_the_time_it_was_due(
        self, broker: Broker, offset: Offset
    ) -> None:
        delayed = new_job(delay=10.0)
        await broker.enqueue([delayed])
        offset.advance(20)
        fresh = new_job()
        await broker.enqueue([fresh])
        await promote_all(broker)
        assert ids_of(await take(broker, 1)) == [delayed.id]

    @pytest.mark.parametrize("state", sorted(WAITING))
    async def test_it_leaves_a_waiting_job_its_state(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim, state, delay=10.0)
        offset.advance(20)
        await promote_all(broker)
        assert await state_of(broker, claim.id) is state
        assert (await detail_of(broker, claim.id)).ready

    async def test_what_was_cancelled_meanwhile_is_not_promoted(
        self, broker: Broker, offset: Offset
    ) -> None:
        job = new_job(delay=10.0)
        await broker.enqueue([job])
        await broker.cancel([job.id])
        offset.advance(20)
        promotion = await broker.promote(10)
        assert (promotion.promoted, promotion.next_due) == (0, None)


class ExpiringPromises:
    @pytest.mark.parametrize("seen_by", ["claim", "promote"])
    @pytest.mark.parametrize("delay", [0.0, 5.0], ids=["ready", "delayed"])
    async def test_a_job_past_its_expiry_is_skipped(
        self, broker: Broker, offset: Offset, seen_by: str, delay: float
    ) -> None:
        job = new_job(expires=10.0, delay=delay)
        await broker.enqueue([job])
        if seen_by == "claim":
            offset.advance(7)
            await promote_all(broker)  # it is ready before it expires
        offset.advance(20)
        if seen_by == "claim":
            assert await take(broker) == []
        else:
            assert (await broker.promote(10)).expired == 1
        kept = await job_of(broker, job.id)
        assert (kept.state, kept.reason, kept.attempts) == (State.SKIPPED, "expired", 0)
        assert kept.completed_at is not None and kept.started_at is None
        assert (await counts_of(broker)).skipped == 1

    async def test_a_job_that_is_later_than_its_expiry_never_runs(
        self, broker: Broker, offset: Offset
    ) -> None:
        job = new_job(expires=10.0, delay=100.0)
        await broker.enqueue([job])
        offset.advance(20)
        assert (await broker.promote(10)).expired == 1
        assert await state_of(broker, job.id) is State.SKIPPED

    async def test_before_its_expiry_a_job_starts(self, broker: Broker, offset: Offset) -> None:
        job = new_job(expires=100.0)
        await broker.enqueue([job])
        offset.advance(90)
        assert (await broker.promote(10)).expired == 0
        (claim,) = await take(broker)
        assert claim.expires_at == claim.created_at + timedelta(seconds=100)

    async def test_a_run_that_has_started_does_not_expire(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker, new_job(expires=10.0))
        offset.advance(100)
        assert (await broker.promote(10)).expired == 0
        await finish(broker, claim, State.RETRYING, delay=10.0)
        offset.advance(100)
        await promote_all(broker)
        assert ids_of(await take(broker)) == [claim.id]

    @pytest.mark.parametrize("delay", [0.0, 5.0], ids=["ready", "delayed"])
    @pytest.mark.parametrize("seen_by", ["claim", "promote"])
    async def test_a_claim_that_never_began_leaves_the_job_its_expiry(
        self, broker: Broker, offset: Offset, seen_by: str, delay: float
    ) -> None:
        claim = await start(broker, new_job(expires=10.0))
        await finish(broker, claim, State.PENDING, attempts=0, begun=False, delay=delay)
        assert (await job_of(broker, claim.id)).started_at is None
        if seen_by == "claim":
            offset.advance(7)
            await promote_all(broker)
        offset.advance(20)
        if seen_by == "claim":
            assert await take(broker) == []
        else:
            assert (await broker.promote(10)).expired == 1
        kept = await job_of(broker, claim.id)
        assert (kept.state, kept.reason) == (State.SKIPPED, "expired")

    async def test_expired_ones_in_front_do_not_keep_a_claim_from_the_rest(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(20, priority=9, expires=10.0))
        good = new_jobs(2)
        await broker.enqueue(good)
        offset.advance(20)
        assert sorted(ids_of(await take(broker, 2))) == ids_of(good)

    async def test_no_more_than_the_limit_expires_in_a_round(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(5, expires=10.0))
        offset.advance(20)
        first = await broker.promote(2)
        assert (first.expired, first.more) == (2, True)
        await promote_all(broker)
        assert (await counts_of(broker)).skipped == 5
