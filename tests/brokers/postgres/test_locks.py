"""Nobody waits for a caller's open transaction but who wants the very same job of it."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import (
    EPOCH,
    LEASE,
    detail_of,
    ending,
    held,
    ids_of,
    new_job,
    new_jobs,
    retake,
    state_of,
    take,
)
from stoker.brokers.postgres import settling
from stoker.brokers.postgres.statements import statements
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.ids import derived_id
from stoker.jobs.job import Claim, Enqueued, Holding, LogLine, Renewal, Report
from stoker.jobs.state import State

AT_ONCE = 5.0
"""Seconds; the transactions stay open for as long as the test."""


@pytest.fixture
def offset() -> Offset:
    return Offset()


@pytest.fixture
async def broker(postgres_url: str, offset: Offset) -> AsyncIterator[Broker]:
    async with connect(postgres_url, offset=offset) as broker:
        yield broker


@pytest.fixture
async def caller(postgres_url: str) -> AsyncIterator["psycopg.AsyncConnection[Any]"]:
    connection = await psycopg.AsyncConnection.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def claims(broker: Broker) -> list[Claim]:
    await broker.enqueue(new_jobs(3))
    return await take(broker)


async def test_producers_and_workers_pass_an_open_enqueue(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim]
) -> None:
    ready, another = new_jobs(2)
    await broker.enqueue([ready])
    await broker.enqueue_in(caller, [new_job(unique=Holding("key")), *new_jobs(2)])
    with anyio.fail_after(AT_ONCE):
        assert await broker.enqueue([another]) == [Enqueued(another.id, True)]
        assert sorted(ids_of(await take(broker))) == sorted([ready.id, another.id])
        assert await broker.settle([ending(claim) for claim in claims]) == ["accepted"] * 3
        await broker.promote(100)
        await broker.prune({}, 100)
        assert (await broker.queues())[0].counts.running == 2


async def test_the_keeper_passes_a_job_that_its_handler_completes(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim]
) -> None:
    await broker.settle_in(caller, ending(claims[0]))
    with anyio.fail_after(AT_ONCE):
        assert await broker.renew([held(claim) for claim in claims], LEASE) == Renewal()


async def test_the_sweeper_passes_it_too(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim], offset: Offset
) -> None:
    await broker.settle_in(caller, ending(claims[0]))
    offset.advance(2 * LEASE)
    with anyio.fail_after(AT_ONCE):
        assert sorted(ids_of(await retake(broker))) == sorted(ids_of(claims[1:]))


async def test_the_reporter_passes_it_and_loses_no_line(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim]
) -> None:
    line = LogLine(EPOCH, "said meanwhile")
    news = [Report(id=claim.id, token=claim.token, progress=5.0, logs=(line,)) for claim in claims]
    await broker.settle_in(caller, ending(claims[0]))
    with anyio.fail_after(AT_ONCE):
        assert await broker.report(news) == frozenset()
    await caller.commit()
    for claim in claims:
        assert (await detail_of(broker, claim.id)).logs == (line,)


async def test_the_settler_passes_it_for_the_others_sake(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim]
) -> None:
    await broker.settle_in(caller, ending(claims[0]))
    with anyio.fail_after(AT_ONCE):
        assert await broker.settle([ending(claim) for claim in claims[1:]]) == ["accepted"] * 2


async def test_who_settles_the_same_job_gives_up_after_a_while_and_its_mates_stand(
    broker: Broker,
    caller: "psycopg.AsyncConnection[Any]",
    claims: list[Claim],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "LOCKED_FOR", 100)
    await broker.settle_in(caller, ending(claims[0]))
    batch = [ending(claim) for claim in claims]
    with anyio.fail_after(AT_ONCE), pytest.raises(BrokerUnavailable):
        await broker.settle(batch)
    assert [await state_of(broker, claim.id) for claim in claims] == [
        State.RUNNING,
        State.COMPLETED,
        State.COMPLETED,
    ]
    await caller.rollback()
    assert await broker.settle(batch) == ["accepted", "already", "already"]


async def test_a_waiter_passes_it_and_is_told_at_the_commit(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", claims: list[Claim]
) -> None:
    await broker.settle_in(caller, ending(claims[0]))
    with anyio.fail_after(AT_ONCE):
        assert await broker.settled(claims[0].id, 0.1) is None
        await caller.commit()
        job = await broker.settled(claims[0].id, AT_ONCE)
    assert job is not None and job.state is State.COMPLETED


@pytest.mark.parametrize("unique", [None, Holding("key")], ids=["plain", "with a key"])
async def test_an_id_that_is_sent_again_while_its_job_ends_is_known(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]", unique: Holding | None
) -> None:
    job = new_job(id=derived_id("default", "order 7", 1e9), unique=unique)
    await broker.enqueue([job])
    (claim,) = await take(broker)
    await broker.settle_in(caller, ending(claim))
    answers: list[list[Enqueued]] = []

    async def again() -> None:
        answers.append(await broker.enqueue([job]))

    with anyio.fail_after(AT_ONCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(again)
            await anyio.wait_all_tasks_blocked()
            await caller.commit()
    assert answers == [[Enqueued(job.id, False)]]
    assert await take(broker) == []
    assert (await broker.queues())[0].counts.total == 1


async def test_who_waits_for_a_job_hides_it_from_no_claim(
    broker: Broker, caller: "psycopg.AsyncConnection[Any]"
) -> None:
    job = new_job()
    await broker.enqueue([job])
    await psycopg.AsyncRawCursor(caller).execute(statements().wait_for, [job.id])
    assert ids_of(await take(broker)) == [job.id]
