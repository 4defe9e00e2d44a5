"""Promise 3: without the current token nothing is written, and the answer says so."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from stoker.brokers.conformance.making import (
    EPOCH,
    LEASE,
    detail_of,
    ending,
    finish,
    held,
    job_of,
    new_job,
    new_jobs,
    retake,
    run_of,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim, Held, LogLine, Report
from stoker.jobs.state import FINAL, WAITING, State

Losing = Callable[[Broker, Offset], Awaitable[Claim]]


async def reclaimed(broker: Broker, offset: Offset) -> Claim:
    """Another has taken the job over, and holds it."""
    claim = await start(broker)
    offset.advance(2 * LEASE)
    assert len(await retake(broker)) == 1
    return claim


async def taken_from_the_dead(broker: Broker, offset: Offset) -> Claim:
    """The worker was seen to die while its lease still lived."""
    claim = await start(broker, worker="dead")
    assert len(await retake(broker, "dead")) == 1
    return claim


async def reclaimed_and_run_again(broker: Broker, offset: Offset) -> Claim:
    claim = await reclaimed(broker, offset)
    offset.advance(2 * LEASE)
    (swept,) = await retake(broker)
    await finish(broker, swept, State.PENDING, attempts=0, crashes=1)
    assert len(await take(broker)) == 1
    return claim


async def released_and_run_again(broker: Broker, offset: Offset) -> Claim:
    first = await start(broker)
    await finish(broker, first, State.PENDING, attempts=0)
    (second,) = await take(broker)
    await finish(broker, second, State.PENDING, attempts=0)
    assert len(await take(broker)) == 1
    return first


async def never_given(broker: Broker, offset: Offset) -> Claim:
    """A token that nobody has made."""
    return msgspec.structs.replace(await start(broker), token="f" * 32)


async def of_another_job(broker: Broker, offset: Offset) -> Claim:
    claim = await start(broker)
    other = await start(broker)
    return msgspec.structs.replace(claim, token=other.token)


async def of_a_job_that_waits(broker: Broker, offset: Offset) -> Claim:
    """Nothing holds it; the token is one that never settled it."""
    claim = await start(broker)
    await finish(broker, claim, State.PENDING, delay=500.0)
    return msgspec.structs.replace(claim, token="f" * 32)


STALE = (
    reclaimed,
    taken_from_the_dead,
    reclaimed_and_run_again,
    released_and_run_again,
    never_given,
    of_another_job,
    of_a_job_that_waits,
)


def stale_ways(losing: Losing) -> str:
    return losing.__name__


class FencingPromises:
    @pytest.mark.parametrize("state", sorted(FINAL | WAITING))
    @pytest.mark.parametrize("losing", STALE, ids=stale_ways)
    async def test_settling_with_a_stale_token_changes_nothing(
        self, broker: Broker, offset: Offset, losing: Losing, state: State
    ) -> None:
        claim = await losing(broker, offset)
        there = await detail_of(broker, claim.id)
        settlement = ending(
            claim,
            state,
            attempts=5,
            crashes=5,
            reason="stale",
            result=b'"stale"',
            error="stale",
            progress=1.0,
            progress_message="stale",
            run=run_of(claim),
            logs=(LogLine(EPOCH, "stale"),),
            dropped_logs=3,
        )
        assert await broker.settle([settlement]) == ["lost"]
        assert await detail_of(broker, claim.id) == there

    @pytest.mark.parametrize("losing", STALE, ids=stale_ways)
    async def test_reporting_with_a_stale_token_changes_nothing(
        self, broker: Broker, offset: Offset, losing: Losing
    ) -> None:
        claim = await losing(broker, offset)
        there = await detail_of(broker, claim.id)
        report = Report(
            id=claim.id,
            token=claim.token,
            progress=1.0,
            progress_message="stale",
            logs=(LogLine(EPOCH, "stale"),),
            dropped_logs=3,
        )
        assert await broker.report([report]) == {claim.id}
        assert await detail_of(broker, claim.id) == there

    @pytest.mark.parametrize("losing", STALE, ids=stale_ways)
    async def test_renewing_with_a_stale_token_is_answered_with_lost(
        self, broker: Broker, offset: Offset, losing: Losing
    ) -> None:
        claim = await losing(broker, offset)
        renewal = await broker.renew([held(claim)], LEASE)
        assert (renewal.lost, dict(renewal.cancelled)) == (frozenset({claim.id}), {})

    @pytest.mark.parametrize("losing", [reclaimed, taken_from_the_dead, never_given], ids=stale_ways)
    async def test_renewing_with_a_stale_token_prolongs_nobodys_lease(
        self, broker: Broker, offset: Offset, losing: Losing
    ) -> None:
        claim = await losing(broker, offset)
        await broker.renew([held(claim)], 100 * LEASE)
        offset.advance(2 * LEASE)
        assert [swept.id for swept in await retake(broker)] == [claim.id]

    @pytest.mark.parametrize("losing", [reclaimed, taken_from_the_dead], ids=stale_ways)
    async def test_renewing_with_a_stale_token_delivers_no_cancel(
        self, broker: Broker, offset: Offset, losing: Losing
    ) -> None:
        claim = await losing(broker, offset)
        await broker.cancel([claim.id], "stop")
        assert dict((await broker.renew([held(claim)], LEASE)).cancelled) == {}

    async def test_a_job_that_is_gone_is_lost_in_every_way(self, broker: Broker) -> None:
        claim = msgspec.structs.replace(await start(broker), id=new_job().id)
        assert await broker.settle([ending(claim)]) == ["lost"]
        assert (await broker.renew([held(claim)], LEASE)).lost == {claim.id}
        assert await broker.report([Report(id=claim.id, token=claim.token, progress=1.0)]) == {claim.id}

    async def test_after_its_settlement_a_token_renews_and_reports_nothing(
        self, broker: Broker
    ) -> None:
        claim = await start(broker)
        await finish(broker, claim)
        there = await detail_of(broker, claim.id)
        assert (await broker.renew([held(claim)], LEASE)).lost == {claim.id}
        assert await broker.report([Report(id=claim.id, token=claim.token, progress=1.0)]) == {claim.id}
        assert await detail_of(broker, claim.id) == there

    async def test_stale_ones_do_not_hold_up_those_that_stand(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(3))
        first, stale, last = await take(broker)
        stale = msgspec.structs.replace(stale, token="f" * 32)
        claims = (first, stale, last)
        assert (await broker.renew([held(claim) for claim in claims], LEASE)).lost == {stale.id}
        reports = [Report(id=claim.id, token=claim.token, progress=5.0) for claim in claims]
        assert await broker.report(reports) == {stale.id}
        progress = [(await job_of(broker, claim.id)).progress for claim in claims]
        assert progress == [5.0, None, 5.0]
        verdicts = await broker.settle([ending(claim) for claim in claims])
        assert verdicts == ["accepted", "lost", "accepted"]

    async def test_the_new_token_works_where_the_old_one_does_not(
        self, broker: Broker, offset: Offset
    ) -> None:
        old = await start(broker)
        offset.advance(2 * LEASE)
        (new,) = await retake(broker)
        assert new.token != old.token
        assert (await broker.renew([held(old), held(new)], LEASE)).lost == {old.id}
        assert await broker.settle([ending(old, State.FAILED), ending(new)]) == ["lost", "accepted"]
        assert await state_of(broker, old.id) is State.COMPLETED


class ExpiredLeasePromises:
    """A token that still stands is good, however long its lease has been over."""

    async def test_it_settles(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        offset.advance(100 * LEASE)
        await finish(broker, claim)
        assert await state_of(broker, claim.id) is State.COMPLETED

    async def test_it_reports(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        offset.advance(100 * LEASE)
        assert not await broker.report([Report(id=claim.id, token=claim.token, progress=5.0)])
        assert (await job_of(broker, claim.id)).progress == 5.0

    async def test_it_renews_and_then_holds_again(self, broker: Broker, offset: Offset) -> None:
        claim = await start(broker)
        offset.advance(100 * LEASE)
        assert not (await broker.renew([Held(claim.id, claim.token)], LEASE)).lost
        assert await retake(broker) == []
