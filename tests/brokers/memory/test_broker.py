import asyncio
import sqlite3

import anyio
import pytest

from stoker.brokers import connect
from stoker.brokers.conformance.making import ending, job_of, new_job, new_jobs, start, state_of, take
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable, TransactionsUnsupported
from stoker.jobs.operating import Query
from stoker.jobs.state import State


async def test_each_connection_is_a_private_broker() -> None:
    async with connect("memory://") as one, connect("memory://") as other:
        job = new_job()
        await one.enqueue([job])
        assert await other.get([job.id]) == [None]
        assert await take(other) == []
        assert await other.queues() == []


@pytest.mark.parametrize(
    "url", ["memory://name", "memory:///path", "memory://?share=1", "memory:", "memory://#one"]
)
def test_a_url_that_names_something_is_refused(url: str) -> None:
    with pytest.raises(BrokerRefused, match="share the broker object"):
        connect(url)


async def test_a_broker_that_was_not_entered_is_unavailable() -> None:
    broker = MemoryBroker()
    with pytest.raises(BrokerUnavailable, match="async with"):
        await broker.enqueue([new_job()])
    with pytest.raises(BrokerUnavailable):
        await broker.settled(new_job().id, 1.0)
    with pytest.raises(BrokerUnavailable):
        await anext(broker.wakeups())


async def test_a_broker_that_was_left_is_unavailable_and_has_its_jobs_when_entered_again() -> None:
    broker = MemoryBroker()
    async with broker:
        job = new_job()
        await broker.enqueue([job])
    with pytest.raises(BrokerUnavailable):
        await broker.find(Query())
    async with broker:
        assert await state_of(broker, job.id) is State.PENDING


async def test_it_is_open_until_the_last_one_has_left() -> None:
    broker = MemoryBroker()
    async with broker:
        async with broker:
            await broker.enqueue([new_job()])
        assert len(await take(broker)) == 1
    with pytest.raises(BrokerUnavailable):
        await take(broker)


async def test_leaving_wakes_whoever_waits() -> None:
    broker = MemoryBroker()
    await broker.__aenter__()
    job = new_job()
    await broker.enqueue([job])
    hints = broker.wakeups()
    await anext(hints)
    with anyio.fail_after(5):
        waiting = asyncio.ensure_future(broker.settled(job.id, 60.0))
        listening = asyncio.ensure_future(anext(hints))
        await anyio.wait_all_tasks_blocked()
        await broker.__aexit__(None, None, None)
        for task in (waiting, listening):
            with pytest.raises(BrokerUnavailable):
                await task


async def test_a_transaction_is_refused_with_what_to_do_instead() -> None:
    async with MemoryBroker() as broker:
        claim = await start(broker)
        connection = sqlite3.connect(":memory:")
        with pytest.raises(TransactionsUnsupported, match="after your transaction has been committed"):
            await broker.enqueue_in(connection, [new_job()])
        with pytest.raises(TransactionsUnsupported, match="let the handler return"):
            await broker.settle_in(connection, ending(claim))
        connection.close()
        assert "transactions" not in broker.capabilities
        assert await state_of(broker, claim.id) is State.RUNNING


async def test_a_caller_in_a_circle_lets_others_run() -> None:
    async with MemoryBroker() as broker:
        others = 0

        async def other() -> None:
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        for _ in range(100):
            await take(broker)
        task.cancel()
        assert others >= 50


async def test_a_call_that_is_cancelled_before_its_turn_has_changed_nothing() -> None:
    async with MemoryBroker() as broker:
        await broker.enqueue([new_job()])
        with anyio.CancelScope() as scope:
            scope.cancel()
            await take(broker)
        assert len(await take(broker)) == 1


async def test_what_a_caller_does_to_its_headers_later_changes_no_job() -> None:
    async with MemoryBroker() as broker:
        headers = {"trace": "1"}
        await broker.enqueue([new_job(headers=headers)])
        headers["trace"] = "2"
        (claim,) = await take(broker)
        assert claim.headers == {"trace": "1"}


async def test_the_store_is_as_old_as_the_object_by_its_own_clock() -> None:
    offset = Offset()
    async with connect("memory://", offset=offset) as broker:
        offset.advance(100)
        assert 100 <= await broker.uptime() < 110


async def test_a_claim_does_not_look_at_what_is_delayed() -> None:
    async with MemoryBroker() as broker:
        delayed = new_jobs(50, delay=100.0)
        ready = new_jobs(3)
        await broker.enqueue([*delayed, *ready])
        store = broker._access._store
        heap, store.delayed = store.delayed, None  # type: ignore[assignment]  # any look raises
        assert [claim.id for claim in await take(broker)] == [job.id for job in ready]
        store.delayed = heap
        assert (await job_of(broker, delayed[0].id)).state is State.PENDING
