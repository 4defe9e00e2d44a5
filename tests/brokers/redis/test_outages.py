import os
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import (
    SOON,
    ending,
    ids_of,
    new_job,
    new_jobs,
    start,
    state_of,
    take,
)
from stoker.brokers.redis.address import parse
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.server import Server
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.state import State

from .conftest import NewServer, OwnServer, eventually, until

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


async def test_a_killed_server_has_kept_what_it_acknowledged_and_is_found_again(
    new_redis: NewServer,
) -> None:
    jobs = new_jobs(50)
    with new_redis(*DURABLE) as server:
        with server.serving() as process:
            broker = connect(server.address)
            await broker.__aenter__()
            await broker.enqueue(jobs)
            claims = await take(broker, 20)
            await broker.settle([ending(claim) for claim in claims[:10]])
            process.send_signal(SIGKILL)
            process.wait()
            with pytest.raises(BrokerUnavailable):
                await broker.queues()
        with server.serving():
            verdicts = await eventually(lambda: broker.settle([ending(claim) for claim in claims]))
            assert verdicts == ["already"] * 10 + ["accepted"] * 10
            rest = await eventually(lambda: take(broker, 100))
            assert sorted(ids_of(claims) + ids_of(rest)) == ids_of(jobs)
            await broker.__aexit__(None, None, None)


async def test_hints_that_were_cut_off_say_so_and_may_be_had_again(new_redis: NewServer) -> None:
    with new_redis() as server:
        with server.serving() as process:
            broker = connect(server.address)
            await broker.__aenter__()
            wakeups = broker.wakeups()
            await anext(wakeups)
            process.send_signal(SIGKILL)
            process.wait()
            with anyio.fail_after(SOON), pytest.raises(BrokerUnavailable):
                await anext(wakeups)
        with server.serving():
            again = broker.wakeups()
            assert (await eventually(lambda: anext(again))).kind == "ready"
            await broker.enqueue([new_job("mail")])
            with anyio.fail_after(SOON):
                assert (await anext(again)).queues == ("mail",)
            await again.aclose()  # type: ignore[attr-defined]
            await broker.__aexit__(None, None, None)


async def test_who_waits_for_a_job_is_told_also_after_its_subscription_was_cut(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as broker:
        claim = await start(broker)
        async with anyio.create_task_group() as tasks:
            seen: list[State] = []

            async def wait() -> None:
                job = await broker.settled(claim.id, SOON)
                assert job is not None
                seen.append(job.state)

            tasks.start_soon(wait)
            await until(own_client.pubsub_channels)
            own_client.client_kill_filter(_type="pubsub")
            await broker.settle([ending(claim)])
        assert seen == [State.COMPLETED]


async def test_a_server_that_stands_still_ends_the_subscription(new_redis: NewServer) -> None:
    with new_redis() as own, own.serving() as process:
        server = Server(parse(own.address), Offset())
        await server.open()
        wakeups = Hints(server, silence=0.2).wakeups()
        await anext(wakeups)
        os.kill(process.pid, SIGSTOP)
        try:
            with anyio.fail_after(SOON), pytest.raises(BrokerUnavailable, match="did not answer"):
                await anext(wakeups)
        finally:
            os.kill(process.pid, SIGCONT)
        await server.close()


async def test_a_quiet_subscription_lives_on(own: OwnServer) -> None:
    server = Server(parse(own.address), Offset())
    await server.open()
    wakeups = Hints(server, silence=0.05).wakeups()
    await anext(wakeups)
    with anyio.move_on_after(0.5) as quiet:  # sleeps: silence is what is tried
        await anext(wakeups)
    assert quiet.cancelled_caught
    await server.close()


async def test_a_cancelled_call_leaves_no_answer_for_the_next(broker: Broker) -> None:
    jobs = new_jobs(50)
    await broker.enqueue(jobs)

    async def look(id: str) -> None:
        (job,) = await broker.get([id])
        assert job is not None and job.id == id

    for _ in range(10):
        async with anyio.create_task_group() as tasks:
            for job in jobs:
                tasks.start_soon(look, job.id)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    for job in jobs:
        assert await state_of(broker, job.id) is State.PENDING
        await look(job.id)


async def test_an_answer_that_was_lost_doubles_nothing(broker: Broker) -> None:
    jobs = new_jobs(5)
    for _ in range(2):  # as a caller does that does not know whether the first came through
        await broker.enqueue(jobs)
    claims = await take(broker)
    assert ids_of(claims) == ids_of(jobs)
    verdicts = [await broker.settle([ending(claim) for claim in claims]) for _ in range(2)]
    assert verdicts == [["accepted"] * 5, ["already"] * 5]
