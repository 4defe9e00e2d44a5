import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from stoker.brokers.conformance.making import ending, new_job, new_jobs, start, state_of, take
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.job import Held, Job
from stoker.jobs.operating import Wakeup
from stoker.jobs.state import State

T = TypeVar("T")
LIMIT = 10.0
"""Seconds after which a test says that what it waits for did not come."""


async def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run this on an event loop of its own, in a thread of its own."""
    return await anyio.to_thread.run_sync(asyncio.run, work)


async def test_jobs_from_many_threads_are_each_claimed_once_and_all_counted() -> None:
    claimed: list[str] = []

    async def produce(broker: MemoryBroker) -> None:
        for _ in range(50):
            await broker.enqueue(new_jobs(4))

    async def consume(broker: MemoryBroker) -> None:
        while len(claimed) < 800:
            claims = await take(broker, 7)
            claimed.extend(claim.id for claim in claims)
            verdicts = await broker.settle([ending(claim) for claim in claims])
            assert set(verdicts) <= {"accepted"}

    async with MemoryBroker() as broker:
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                for work in (produce, produce, consume, produce, produce, consume):
                    group.start_soon(elsewhere, work(broker))
        (info,) = await broker.queues()
        assert len(claimed) == len(set(claimed)) == 800
        assert (info.counts.completed, info.counts.total) == (800, 800)


async def test_an_end_on_another_loop_wakes_who_waits_here() -> None:
    async with MemoryBroker() as broker:
        claim = await start(broker)
        with anyio.fail_after(LIMIT):
            waiting = asyncio.ensure_future(broker.settled(claim.id, LIMIT))
            await anyio.wait_all_tasks_blocked()
            await elsewhere(broker.settle([ending(claim)]))
            job = await waiting
        assert job is not None and job.state is State.COMPLETED


async def test_an_end_here_wakes_who_waits_on_another_loop() -> None:
    ended: list[Job | None] = []
    waits = threading.Event()

    async def wait(broker: MemoryBroker, id: str) -> None:
        waiting = asyncio.ensure_future(broker.settled(id, LIMIT))
        await anyio.wait_all_tasks_blocked()
        waits.set()
        ended.append(await waiting)

    async with MemoryBroker() as broker:
        claim = await start(broker)
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                group.start_soon(elsewhere, wait(broker, claim.id))
                await anyio.to_thread.run_sync(waits.wait)
                await broker.settle([ending(claim)])
        (job,) = ended
        assert job is not None and job.state is State.COMPLETED


async def test_hints_reach_a_listener_on_another_loop() -> None:
    heard: list[Wakeup] = []
    listens = threading.Event()

    async def listen(broker: MemoryBroker) -> None:
        async for wakeup in broker.wakeups():
            heard.append(wakeup)
            listens.set()
            if "far" in wakeup.queues:
                return

    async with MemoryBroker() as broker:
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                group.start_soon(elsewhere, listen(broker))
                await anyio.to_thread.run_sync(listens.wait)
                await broker.enqueue([new_job("far")])
    assert heard == [Wakeup("ready"), Wakeup("ready", ("far",))]


async def test_a_listener_whose_loop_has_ended_disturbs_nobody() -> None:
    async def listen_for_a_moment(broker: MemoryBroker) -> None:
        hints = broker.wakeups()
        await anext(hints)
        abandoned.append(hints)

    abandoned: list[AsyncIterator[Wakeup]] = []
    async with MemoryBroker() as broker:
        loop = asyncio.new_event_loop()
        await anyio.to_thread.run_sync(loop.run_until_complete, listen_for_a_moment(broker))
        loop.close()
        job = new_job()
        await broker.enqueue([job])
        assert await state_of(broker, job.id) is State.PENDING


async def test_a_renewal_in_another_thread_goes_on_while_this_loop_is_blocked() -> None:
    renewed = threading.Event()

    async def renew(broker: MemoryBroker, held: Held) -> None:
        async with broker:
            assert (await broker.renew([held], 30.0)).lost == frozenset()
        renewed.set()

    async with MemoryBroker() as broker:
        claim = await start(broker)
        thread = threading.Thread(
            target=asyncio.run, args=(renew(broker, Held(claim.id, claim.token)),)
        )
        thread.start()
        assert renewed.wait(LIMIT)  # the loop stands still meanwhile
        thread.join()
        assert len(await take(broker)) == 0
