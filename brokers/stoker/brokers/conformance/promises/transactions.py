"""Jobs within a caller's transaction: there with everything else it writes, or not at all."""

import pytest

from stoker.brokers.conformance.fixtures import Begin
from stoker.brokers.conformance.making import (
    LEASE,
    counts_of,
    detail_of,
    ending,
    finish,
    held,
    ids_of,
    new_job,
    new_jobs,
    retake,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import TransactionsUnsupported, UniqueConflict
from stoker.jobs.job import Enqueued, Holding, LogLine
from stoker.jobs.operating import Counts
from stoker.jobs.state import FINAL, WAITING, State


class EnqueueInPromises:
    """For brokers with the capability "transactions"."""

    async def test_a_committed_transaction_leaves_its_jobs(self, broker: Broker, begin: Begin) -> None:
        jobs = new_jobs(2)
        async with begin() as transaction:
            answers = await broker.enqueue_in(transaction.connection, jobs)
            await transaction.commit()
        assert answers == [Enqueued(job.id, True) for job in jobs]
        assert await counts_of(broker) == Counts(queue="default", ready=2)
        assert sorted(ids_of(await take(broker))) == ids_of(jobs)

    async def test_a_rolled_back_transaction_leaves_no_job(self, broker: Broker, begin: Begin) -> None:
        job = new_job(unique=Holding("key"))
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [job])
            await transaction.rollback()
        assert await broker.get([job.id]) == [None]
        assert await take(broker) == []
        assert (await counts_of(broker)).total == 0
        assert await broker.enqueue([job]) == [Enqueued(job.id, True)]

    async def test_until_the_commit_nobody_sees_the_job(self, broker: Broker, begin: Begin) -> None:
        job = new_job()
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [job])
            assert await broker.get([job.id]) == [None]
            assert (await counts_of(broker)).total == 0
            await transaction.commit()
        assert await state_of(broker, job.id) is State.PENDING

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker, begin: Begin) -> None:
        async with begin() as transaction:
            assert await broker.enqueue_in(transaction.connection, []) == []

    async def test_known_ids_and_keys_are_answered_as_ever(self, broker: Broker, begin: Begin) -> None:
        known, holder = new_job(), new_job(unique=Holding("key"))
        await broker.enqueue([known, holder])
        async with begin() as transaction:
            answers = await broker.enqueue_in(
                transaction.connection, [known, new_job(unique=Holding("key"))]
            )
            await transaction.commit()
        assert answers == [Enqueued(known.id, False), Enqueued(holder.id, False)]
        assert (await counts_of(broker)).total == 2

    async def test_calls_of_one_transaction_see_each_other(self, broker: Broker, begin: Begin) -> None:
        job = new_job(unique=Holding("key"))
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [job])
            again = await broker.enqueue_in(transaction.connection, [new_job(unique=Holding("key"))])
            await transaction.commit()
        assert again == [Enqueued(job.id, False)]

    async def test_a_conflict_leaves_the_transaction_usable(self, broker: Broker, begin: Begin) -> None:
        before, after, never = new_jobs(3)
        await broker.enqueue([new_job(unique=Holding("key"))])
        conflict = new_job(unique=Holding("key", on_conflict="error"))
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [before])
            with pytest.raises(UniqueConflict):
                await broker.enqueue_in(transaction.connection, [never, conflict])
            await broker.enqueue_in(transaction.connection, [after])
            await transaction.commit()
        found = await broker.get([before.id, after.id, never.id, conflict.id])
        assert [job is not None for job in found] == [True, True, False, False]
        assert (await counts_of(broker)).total == 3

    @pytest.mark.parametrize("connection", [None, object(), "connection"])
    async def test_what_is_no_connection_of_the_store_is_refused(
        self, broker: Broker, connection: object
    ) -> None:
        with pytest.raises(TransactionsUnsupported):
            await broker.enqueue_in(connection, [new_job()])


class SettleInPromises:
    """A completion that commits together with the handler's own effects."""

    async def test_a_committed_one_stands(self, broker: Broker, begin: Begin) -> None:
        claim = await start(broker)
        line = LogLine(claim.started_at, "line")
        async with begin() as transaction:
            verdict = await broker.settle_in(
                transaction.connection, ending(claim, result=b"42", logs=(line,))
            )
            await transaction.commit()
        assert verdict == "accepted"
        detail = await detail_of(broker, claim.id)
        assert (detail.job.state, detail.logs) == (State.COMPLETED, (line,))
        assert await counts_of(broker) == Counts(queue="default", completed=1)
        assert await broker.settle([ending(claim)]) == ["already"]

    async def test_a_rolled_back_one_leaves_the_run_standing(
        self, broker: Broker, begin: Begin
    ) -> None:
        claim = await start(broker)
        there = await detail_of(broker, claim.id)
        async with begin() as transaction:
            assert await broker.settle_in(transaction.connection, ending(claim)) == "accepted"
            await transaction.rollback()
        assert await detail_of(broker, claim.id) == there
        assert not (await broker.renew([held(claim)], LEASE)).lost
        await finish(broker, claim)

    async def test_until_the_commit_the_job_runs_for_everybody_else(
        self, broker: Broker, begin: Begin
    ) -> None:
        claim = await start(broker)
        async with begin() as transaction:
            await broker.settle_in(transaction.connection, ending(claim))
            assert await state_of(broker, claim.id) is State.RUNNING
            await transaction.commit()
        assert await state_of(broker, claim.id) is State.COMPLETED

    @pytest.mark.parametrize("state", sorted(FINAL | WAITING))
    async def test_a_stale_token_changes_nothing(
        self, broker: Broker, begin: Begin, offset: Offset, state: State
    ) -> None:
        claim = await start(broker)
        offset.advance(2 * LEASE)
        (swept,) = await retake(broker)
        there = await detail_of(broker, claim.id)
        async with begin() as transaction:
            verdict = await broker.settle_in(
                transaction.connection, ending(claim, state, result=b'"stale"')
            )
            await transaction.commit()
        assert verdict == "lost"
        assert await detail_of(broker, claim.id) == there
        await finish(broker, swept)

    async def test_a_second_time_answers_already(self, broker: Broker, begin: Begin) -> None:
        claim = await start(broker)
        async with begin() as transaction:
            verdicts = [await broker.settle_in(transaction.connection, ending(claim)) for _ in range(2)]
            await transaction.commit()
        assert verdicts == ["accepted", "already"]

    async def test_a_result_that_is_no_json_leaves_the_transaction_usable(
        self, broker: Broker, begin: Begin
    ) -> None:
        claim, job = await start(broker), new_job()
        async with begin() as transaction:
            assert (
                await broker.settle_in(transaction.connection, ending(claim, result=b"NaN"))
                == "invalid"
            )
            await broker.enqueue_in(transaction.connection, [job])
            await transaction.commit()
        states = [await state_of(broker, id) for id in (claim.id, job.id)]
        assert states == [State.RUNNING, State.PENDING]

    async def test_completion_and_a_following_job_commit_together(
        self, broker: Broker, begin: Begin
    ) -> None:
        claim, following = await start(broker), new_job()
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [following])
            await broker.settle_in(transaction.connection, ending(claim))
            await transaction.rollback()
        assert await broker.get([following.id]) == [None]
        assert await state_of(broker, claim.id) is State.RUNNING
        async with begin() as transaction:
            await broker.enqueue_in(transaction.connection, [following])
            await broker.settle_in(transaction.connection, ending(claim))
            await transaction.commit()
        states = [await state_of(broker, id) for id in (claim.id, following.id)]
        assert states == [State.COMPLETED, State.PENDING]


class WithoutTransactionsPromises:
    """For brokers that cannot join a caller's transaction: they say so, and write nothing."""

    async def test_joining_a_transaction_is_refused(self, broker: Broker) -> None:
        job = new_job()
        claim = await start(broker)
        with pytest.raises(TransactionsUnsupported):
            await broker.enqueue_in(object(), [job])
        with pytest.raises(TransactionsUnsupported):
            await broker.settle_in(object(), ending(claim))
        assert await broker.get([job.id]) == [None]
        assert await state_of(broker, claim.id) is State.RUNNING
