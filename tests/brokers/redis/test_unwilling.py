"""Servers that answer, and for a while take no work: the same broker goes on when they do again."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any

import anyio
import anyio.to_thread
import pytest
from redis import Redis
from redis import asyncio as aredis
from redis.exceptions import ResponseError

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import (
    SOON,
    ending,
    finish,
    ids_of,
    new_job,
    new_jobs,
    start,
    state_of,
    take,
)
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.job import NewJob
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

from .conftest import NewServer, OwnServer, eventually, until

SLOWLY = (
    "--save",
    "3600 1",
    "--key-load-delay",
    "10000",
    "--loading-process-events-interval-bytes",
    "1024",
)
"""It saves when it is stopped, and takes ten milliseconds for each key when it loads that again."""
AT_ONCE = ("--lua-time-limit", "20")
"""Milliseconds that a script has before others are told that it keeps the server busy."""


def looked_at(client: Any) -> dict[str, Any]:
    info: dict[str, Any] = client.info("persistence")
    return info


async def saved(client: Any, status: str) -> None:
    """Tries to save, until the last try has ended so."""
    client.bgsave()
    await until(lambda: looked_at(client)["rdb_last_bgsave_status"] == status)


@asynccontextmanager
async def unable_to_save(client: Any) -> AsyncIterator[None]:
    """A folder is in the way of its file: rights would not hold up root."""
    client.config_set("save", "3600 1")
    in_its_way = os.path.join(client.config_get("dir")["dir"], "dump.rdb")
    os.mkdir(in_its_way)
    await saved(client, "err")
    try:
        yield
    finally:
        os.rmdir(in_its_way)
        await saved(client, "ok")


@contextmanager
def serving_without_the_signal(server: OwnServer) -> Iterator["subprocess.Popen[bytes]"]:
    """A file that may not grow is an error for it, as of a disk, and no signal that ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXFSZ})
    with ExitStack() as stack:
        try:
            process = stack.enter_context(server.serving())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield process


@contextmanager
def no_room_for_its_files(pid: int, bytes: int = 100_000) -> Iterator[None]:
    """As a disk that is full: no file of this process grows beyond so many bytes."""
    prlimit(pid, RLIMIT_FSIZE, (bytes, RLIM_INFINITY))
    yield
    with suppress(ProcessLookupError):
        prlimit(pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))


def large() -> NewJob:
    return new_job(payload=b'"' + b"x" * 10_000 + b'"')


async def test_a_server_that_cannot_save_takes_nothing_and_loses_nothing(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as broker:
        await broker.enqueue(new_jobs(10))
        claims = await take(broker, 4)
        async with unable_to_save(own_client):
            with pytest.raises(BrokerUnavailable, match="cannot write to its disk, and so takes no"):
                await broker.enqueue([new_job()])
            with pytest.raises(BrokerUnavailable, match="cannot write to its disk"):
                await broker.settle([ending(claim) for claim in claims])
            with pytest.raises(BrokerUnavailable, match="cannot write to its disk"):
                await take(broker)
        assert await broker.settle([ending(claim) for claim in claims]) == ["accepted"] * 4
        assert (await broker.enqueue([new_job()]))[0].created
        assert len(await take(broker)) == 7


async def test_a_server_that_cannot_save_may_be_opened_and_looked_at(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as before:
        claim = await start(before)
    async with unable_to_save(own_client), connect(own.address) as broker:
        assert await state_of(broker, claim.id) is State.RUNNING
        assert [queue.counts.running for queue in await broker.queues()] == [1]


async def enqueue_until(broker: Broker, text: str) -> list[str]:
    """One job after the other, until it is told this; those that were acknowledged."""
    acknowledged = []
    with pytest.raises(BrokerUnavailable, match=text):
        for job in (large() for _ in range(1000)):
            await broker.enqueue([job])
            acknowledged.append(job.id)
    return acknowledged


@pytest.mark.parametrize("fsync", ["everysec", "no"])
async def test_a_full_disk_takes_nothing_and_what_was_acknowledged_is_written_later(
    fsync: str, new_redis: NewServer
) -> None:
    with new_redis("--appendonly", "yes", "--appendfsync", fsync) as server:
        with serving_without_the_signal(server) as process:
            async with connect(server.address) as broker:
                with no_room_for_its_files(process.pid):
                    acknowledged = await enqueue_until(broker, "cannot write to its disk")
                last = new_job()
                assert (await eventually(lambda: broker.enqueue([last])))[0].created
        with server.serving():
            async with connect(server.address) as broker:
                assert {*acknowledged, last.id} <= set(ids_of(await take(broker, 1000)))


async def test_a_full_disk_ends_a_server_that_writes_always_and_it_has_what_it_acknowledged(
    new_redis: NewServer,
) -> None:
    with new_redis("--appendonly", "yes", "--appendfsync", "always") as server:
        broker = connect(server.address)
        with serving_without_the_signal(server) as process:
            await broker.__aenter__()
            with no_room_for_its_files(process.pid):
                acknowledged = await enqueue_until(broker, "cannot be reached")
        with server.serving():
            claims = await eventually(lambda: take(broker, 1000))
            assert len(acknowledged) > 1 and set(acknowledged) <= set(ids_of(claims))
            await broker.__aexit__(None, None, None)


async def test_a_server_that_loads_its_data_says_so_and_then_has_all(new_redis: NewServer) -> None:
    jobs = new_jobs(50)
    with new_redis(*SLOWLY) as server:
        broker = connect(server.address)
        with server.serving():
            await broker.__aenter__()
            await broker.enqueue(jobs)
            claims = await take(broker, 10)
        with ExitStack() as stack:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, stack.enter_context, server.serving())
                with anyio.fail_after(SOON), Redis(port=server.port) as client:
                    await told(broker, "is loading its data")
                    with pytest.raises(BrokerUnavailable, match="is loading its data"):
                        await connect(server.address).__aenter__()
                    client.config_set("key-load-delay", 0)
            verdicts = await eventually(lambda: broker.settle([ending(claim) for claim in claims]))
            assert verdicts == ["accepted"] * 10
            assert sorted(ids_of(claims) + ids_of(await take(broker))) == ids_of(jobs)
            await broker.__aexit__(None, None, None)


async def told(broker: Broker, text: str) -> None:
    """Claims, as a daemon does again and again, until it is told this."""
    while True:
        try:
            await take(broker)
        except BrokerUnavailable as error:
            if text in str(error):
                return
        await anyio.sleep(0.01)  # sleeps: a server tells nobody that it starts


async def test_a_server_that_is_kept_busy_says_so_and_then_goes_on(new_redis: NewServer) -> None:
    with new_redis(*AT_ONCE) as server, server.serving():
        async with connect(server.address) as broker, aredis.Redis(port=server.port) as other:
            claim = await start(broker)
            await broker.enqueue([new_job()])

            async def keep_busy() -> None:
                with pytest.raises(ResponseError, match="killed"):
                    await other.eval("while true do end", 0)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(keep_busy)
                with anyio.fail_after(SOON):
                    await told(broker, "is busy with a script")
                with pytest.raises(BrokerUnavailable, match="is busy with a script"):
                    await broker.settle([ending(claim)])
                with Redis(port=server.port) as client:
                    client.script_kill()
            await finish(broker, claim)


async def test_in_a_full_server_ended_jobs_make_room_for_new_ones(
    own: OwnServer, own_client: Any
) -> None:
    async with connect(own.address) as broker:
        await broker.enqueue([large() for _ in range(100)])
        own_client.config_set("maxmemory", own_client.info("memory")["used_memory"] + 200_000)
        await enqueue_until(broker, "is full")
        claims = await take(broker, 50)
        await broker.settle([ending(claim) for claim in claims])
        assert await broker.prune({State.COMPLETED: Keep(count=0)}, 1000) == 50
        assert (await broker.enqueue([large()]))[0].created
