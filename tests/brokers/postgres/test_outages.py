import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from signal import SIGCONT, SIGQUIT, SIGSTOP
from typing import Any, TypeVar

import anyio
import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import (
    SOON,
    ending,
    new_job,
    new_jobs,
    state_of,
    take,
)
from stoker.brokers.postgres.address import parse
from stoker.brokers.postgres.connections import Connections
from stoker.brokers.postgres.statements import ServerTime, statements
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.operating import Wakeup
from stoker.jobs.state import State

T = TypeVar("T")


def stopped(cluster: Any) -> list[int]:
    """Every process of the server, stopped; each is to be continued."""
    parent = cluster.pid()
    found = [parent]
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    for pid in found:
        os.kill(pid, SIGSTOP)
    return found


async def eventually(verb: Callable[[], Awaitable[T]]) -> T:
    """The verb's answer, asked again as callers do, once the store is back."""
    with anyio.fail_after(SOON):
        while True:
            try:
                return await verb()
            except BrokerUnavailable:
                await anyio.sleep(0.05)  # sleeps: a server tells nobody that it is back


async def hinted(wakeups: AsyncIterator[Wakeup], broker: Broker) -> None:
    """Until an enqueue is told of again: not a look now and then, as where nothing is heard."""

    async def enqueue_now_and_then() -> None:
        while True:
            await broker.enqueue([new_job("mail")])
            await anyio.sleep(0.1)  # sleeps: nobody tells when the broker listens again

    with anyio.fail_after(SOON):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(enqueue_now_and_then)
            async for wakeup in wakeups:
                if "mail" in wakeup.queues:
                    tasks.cancel_scope.cancel()
                    return


@pytest.mark.slow
async def test_after_a_crash_of_the_server_all_goes_on_by_itself(own_postgres: Any) -> None:
    before, other, after = new_jobs(3, "mail")
    with own_postgres.serving() as server:
        broker = await connect(own_postgres.address, create=True).__aenter__()
        await broker.enqueue([before])
        (claim,) = await take(broker)
        await broker.enqueue([other])
        wakeups = broker.wakeups()
        await anext(wakeups)
        server.send_signal(SIGQUIT)
        server.wait()
        for _ in range(10):
            with pytest.raises(BrokerUnavailable):
                await broker.enqueue([after])
        with pytest.raises(BrokerUnavailable):
            await broker.settle([ending(claim)])
    with own_postgres.serving():
        assert await eventually(lambda: broker.settle([ending(claim)])) == ["accepted"]
        await broker.enqueue([after])
        await hinted(wakeups, broker)
        assert [await state_of(broker, job.id) for job in (before, after)] == [
            State.COMPLETED,
            State.PENDING,
        ]
        await broker.__aexit__(None, None, None)


async def test_connections_that_were_cut_are_replaced(postgres_url: str) -> None:
    async with connect(postgres_url) as broker:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(broker.queues)
        cut_all(postgres_url)
        await eventually(broker.queues)
        # What has hit one has hit all: nobody stumbles over the others.
        for _ in range(10):
            await broker.queues()


def cut_all(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND application_name = 'stoker'"
        )


def connected(url: str) -> set[int]:
    """The backends that serve brokers."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'stoker'"
        ).fetchall()
    return {row[0] for row in rows}


async def test_a_verb_that_is_cancelled_costs_no_connection(postgres_url: str) -> None:
    job = new_job()
    async with connect(postgres_url) as broker:
        await broker.enqueue([job])
        with psycopg.connect(postgres_url) as locking:
            locking.execute("SELECT FROM stoker.job FOR UPDATE")
            with anyio.move_on_after(0.2) as scope:
                await broker.cancel([job.id])
            assert scope.cancelled_caught
            serving = connected(postgres_url)
            assert await state_of(broker, job.id) is State.PENDING
            locking.rollback()
        with anyio.fail_after(SOON):
            while await state_of(broker, job.id) is not State.CANCELLED:
                pass  # it was not broken off in the middle
        assert connected(postgres_url) >= serving


async def test_a_call_that_takes_too_long_is_given_up(postgres_url: str) -> None:
    connections = Connections(parse(postgres_url), statements(), ServerTime(Offset()), deadline=0.2)
    with pytest.raises(BrokerUnavailable, match=r"did not answer within 0\.2 s"):
        await connections.call(lambda session: session.rows("SELECT pg_sleep(60)"))
    answer, _ = await connections.call(lambda session: session.rows("SELECT 1"))
    assert answer == [(1,)]
    await connections.close()


@pytest.mark.slow
async def test_a_server_that_answers_nothing_is_given_up(own_postgres: Any) -> None:
    with own_postgres.serving():
        connections = Connections(
            parse(own_postgres.address), statements(), ServerTime(Offset()), deadline=0.5
        )
        await connections.call(lambda session: session.rows("SELECT 1"))
        processes = stopped(own_postgres)
        try:
            with anyio.fail_after(SOON):
                for _ in range(3):
                    with pytest.raises(BrokerUnavailable):
                        await connections.call(lambda session: session.rows("SELECT 1"))
        finally:
            for pid in processes:
                os.kill(pid, SIGCONT)
        answer, _ = await eventually(lambda: connections.call(lambda session: session.rows("SELECT 1")))
        assert answer == [(1,)]
        await connections.close()


async def test_more_calls_than_connections_wait_in_turn(postgres_url: str) -> None:
    async with connect(f"{postgres_url}?connections=2") as broker:
        jobs = new_jobs(30)
        async with anyio.create_task_group() as tasks:
            for job in jobs:
                tasks.start_soon(broker.enqueue, [job])
        assert len(connected(postgres_url)) == 2
        assert all(await broker.get([job.id for job in jobs]))
