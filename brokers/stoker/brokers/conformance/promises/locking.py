"""Promise 11: what a caller's open transaction has locked is delayed for others, and never broken.

It is neither lost nor expired; and nobody waits for longer than the transaction lasts.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from stoker.brokers.conformance.fixtures import Begin
from stoker.brokers.conformance.making import (
    LEASE,
    SOON,
    counts_of,
    ending,
    held,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    retake,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Enqueued, Renewal
from stoker.jobs.state import State


@asynccontextmanager
async def beside(*calls: Callable[[], Awaitable[Any]]) -> AsyncIterator[list[Any]]:
    """Begins these calls and lets them get as far as they can before the body; then waits for them."""
    answers: list[Any] = [None] * len(calls)

    async def call(place: int, begin: Callable[[], Awaitable[Any]]) -> None:
        answers[place] = await begin()

    with anyio.fail_after(SOON):
        async with anyio.create_task_group() as tasks:
            for place, begin in enumerate(calls):
                tasks.start_soon(call, place, begin)
            await anyio.wait_all_tasks_blocked()
            yield answers


class OpenTransactionPromises:
    """An open transaction may delay others until it ends, and never breaks them."""

    @pytest.mark.parametrize("end", ["commit", "rollback"])
    async def test_every_verb_gets_its_answer(self, broker: Broker, begin: Begin, end: str) -> None:
        held_up, to_finish, to_cancel, to_claim = new_jobs(4)
        await broker.enqueue([to_finish])
        (claim,) = await take(broker)
        await broker.enqueue([to_cancel])
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [held_up])
            async with beside(
                lambda: broker.enqueue([to_claim]),
                lambda: broker.renew([held(claim)], LEASE),
                lambda: broker.settle([ending(claim)]),
                lambda: broker.cancel([to_cancel.id]),
                lambda: broker.promote(10),
                lambda: retake(broker),
            ) as answers:
                await (transaction.commit() if end == "commit" else transaction.rollback())
        enqueued, renewal, verdicts, cancelled, _, swept = answers
        assert enqueued == [Enqueued(to_claim.id, True)]
        assert isinstance(renewal, Renewal)
        assert (verdicts, [answer.verdict for answer in cancelled]) == (["accepted"], ["cancelled"])
        assert swept == []
        taken = sorted(ids_of(await take(broker)))
        assert taken == sorted([to_claim.id, *([held_up.id] if end == "commit" else [])])

    async def test_readers_are_not_held_up(self, broker: Broker, begin: Begin) -> None:
        job = new_job()
        await broker.enqueue([job])
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, new_jobs(3))
            with anyio.fail_after(SOON):
                assert await state_of(broker, job.id) is State.PENDING
                assert (await counts_of(broker)).total == 1
            await transaction.rollback()

    async def test_a_renewal_takes_a_locked_job_for_neither_lost_nor_settled(
        self, broker: Broker, begin: Begin, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(2))
        locked, other = await take(broker)
        offset.advance(LEASE - 5)
        async with begin() as transaction:
            await broker.settle_in(transaction.connection, ending(locked))
            async with beside(lambda: broker.renew([held(locked), held(other)], LEASE)) as answers:
                await transaction.rollback()
        assert answers[0].lost == frozenset()
        offset.advance(10)
        assert other.id not in ids_of(await retake(broker))

    async def test_a_sweep_leaves_a_locked_job_to_who_settles_it(
        self, broker: Broker, begin: Begin, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(2))
        locked, other = await take(broker)
        offset.advance(2 * LEASE)
        async with begin() as transaction:
            await broker.settle_in(transaction.connection, ending(locked))
            async with beside(lambda: retake(broker)) as answers:
                await transaction.commit()
        swept = ids_of(answers[0]) + ids_of(await retake(broker))
        assert swept == [other.id]
        assert (await job_of(broker, locked.id)).state is State.COMPLETED

    async def test_a_cancel_waits_for_who_settles_the_job(self, broker: Broker, begin: Begin) -> None:
        claim = await start(broker)
        async with begin() as transaction:
            await broker.settle_in(transaction.connection, ending(claim))
            async with beside(lambda: broker.cancel([claim.id])) as answers:
                await transaction.commit()
        assert [answer.verdict for answer in answers[0]] == ["final"]
        assert await state_of(broker, claim.id) is State.COMPLETED

    async def test_whoever_waits_for_the_job_is_told(self, broker: Broker, begin: Begin) -> None:
        claim = await start(broker)
        async with beside(lambda: broker.settled(claim.id, SOON)) as answers, begin() as transaction:
            await broker.settle_in(transaction.connection, ending(claim))
            await transaction.commit()
        assert answers[0] is not None and answers[0].state is State.COMPLETED


class RowLockPromises:
    """Where the store locks rows, and not all that there is, nobody waits but who wants these rows."""

    async def test_a_claim_passes_an_open_enqueue(self, broker: Broker, begin: Begin) -> None:
        before, after = new_jobs(2)
        await broker.enqueue([before])
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, new_jobs(3))
            await broker.enqueue([after])
            with anyio.fail_after(SOON):
                assert sorted(ids_of(await take(broker))) == sorted([before.id, after.id])
            await transaction.rollback()

    async def test_a_settlement_passes_it_too(self, broker: Broker, begin: Begin) -> None:
        claim = await start(broker)
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, new_jobs(3))
            with anyio.fail_after(SOON):
                assert await broker.settle([ending(claim)]) == ["accepted"]
            await transaction.rollback()

    async def test_a_claim_passes_a_job_that_is_settled_in_one(
        self, broker: Broker, begin: Begin
    ) -> None:
        claim = await start(broker)
        job = new_job()
        await broker.enqueue([job])
        async with begin() as transaction:
            await broker.settle_in(transaction.connection, ending(claim))
            with anyio.fail_after(SOON):
                assert ids_of(await take(broker)) == [job.id]
            await transaction.rollback()
