"""What an enqueue has answered stands, though its job is seen before it is on the disk."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from signal import SIGQUIT
from typing import Any

import msgspec
import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import ending, new_job, new_jobs, state_of, take
from stoker.brokers.postgres.connections import Own
from stoker.jobs.job import Enqueued, NewJob
from stoker.jobs.state import State


@pytest.fixture
async def broker(postgres_url: str) -> AsyncIterator[Broker]:
    async with connect(postgres_url) as broker:
        yield broker


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that committed before they were on the disk."""
    seen: list[str] = []
    rows_ahead = Own.rows_ahead

    async def watched(own: Own, statement: str, *values: object) -> Any:
        seen.append(statement)
        return await rows_ahead(own, statement, *values)

    monkeypatch.setattr(Own, "rows_ahead", watched)
    return seen


def unsent(**fields: Any) -> NewJob:
    return msgspec.structs.replace(new_job(**fields), unsent=True)


async def crashed(cluster: Any, enqueue: Callable[[Broker], Any]) -> None:
    """Enqueue, and let the server crash in the moment of the answer."""
    with cluster.serving() as server:
        broker = await connect(cluster.address, create=True).__aenter__()
        await enqueue(broker)
        server.send_signal(SIGQUIT)
        server.wait()
        await broker.__aexit__(None, None, None)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
async def test_a_crash_just_after_the_answer_takes_no_job_along(
    own_postgres: Any, ahead: list[str], count: int
) -> None:
    jobs = [unsent() for _ in range(count)]
    await crashed(own_postgres, lambda broker: broker.enqueue(jobs))
    assert len(ahead) == 1
    with own_postgres.serving():
        async with connect(own_postgres.address) as broker:
            assert all(await broker.get([job.id for job in jobs]))


@pytest.mark.slow
async def test_a_job_that_was_there_already_stands_once_that_is_answered(own_postgres: Any) -> None:
    """Although who put it in has not waited for the disk, and nothing was written here."""
    job = new_job()

    async def enqueue(broker: Broker) -> None:
        with psycopg.connect(own_postgres.address) as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            await broker.enqueue_in(connection, [job])
        assert await broker.enqueue([job]) == [Enqueued(job.id, False)]

    await crashed(own_postgres, enqueue)
    with own_postgres.serving():
        async with connect(own_postgres.address) as broker:
            assert await state_of(broker, job.id) is State.PENDING


async def test_what_follows_a_job_that_was_seen_early_waits_for_the_disk_again(
    broker: Broker, ahead: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting ends with its transaction: a claim on the same connection is not to be lost."""
    settings = []
    rows = Own.rows

    async def asked(own: Own, statement: str, *values: object) -> Any:
        settings.append((await rows(own, "SHOW synchronous_commit"))[0][0])
        return await rows(own, statement, *values)

    await broker.enqueue([unsent()])
    assert len(ahead) == 1
    monkeypatch.setattr(Own, "rows", asked)
    assert len(await take(broker)) == 1
    assert settings == ["on"]


async def test_within_a_callers_transaction_nothing_of_it_is_changed(
    broker: Broker, postgres_url: str, ahead: list[str]
) -> None:
    with psycopg.connect(postgres_url) as connection:
        await broker.enqueue_in(connection, [unsent()])
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert ahead == []


# One job of an id that nobody knows


async def test_a_job_of_a_new_id_is_kept_as_any_other(broker: Broker) -> None:
    fields: dict[str, Any] = {
        "queue": "mail",
        "priority": 7,
        "payload": b'{"a":"\\"b\\\\"}',
        "max_attempts": 2,
        "timeout": 1.5,
        "expires": 60.0,
        "tags": ("one", 'tw"o'),
        "headers": {"trace": "1"},
    }
    one, other = unsent(**fields), new_job(**fields)
    await broker.enqueue([one])
    await broker.enqueue([other])
    kept, beside = await broker.get([one.id, other.id])
    assert kept is not None and beside is not None
    assert kept.expires_at is not None and beside.expires_at is not None
    assert timedelta(0) <= beside.expires_at - kept.expires_at < timedelta(seconds=5)
    same = {name: getattr(kept, name) for name in ("id", "created_at", "scheduled_at", "expires_at")}
    assert msgspec.structs.replace(beside, **same) == kept
    (queue,) = await broker.queues()
    assert queue.counts.ready == 2


async def test_it_is_written_without_a_look_at_those_that_have_ended(
    broker: Broker, ahead: list[str]
) -> None:
    await broker.enqueue([unsent()])
    assert ["done" in statement for statement in ahead] == [False]


@pytest.mark.parametrize("changes", [{"delay": 60.0}, {"recurring_id": "x"}])
async def test_other_jobs_of_new_ids_are_kept_as_they_are_asked_for(
    broker: Broker, changes: dict[str, Any]
) -> None:
    job = unsent(**changes)
    await broker.enqueue([job])
    found = (await broker.get([job.id]))[0]
    assert found is not None
    assert (found.recurring_id, found.scheduled_at > found.created_at) == (
        changes.get("recurring_id"),
        "delay" in changes,
    )


async def test_though_it_is_sent_twice_it_is_one_job(broker: Broker) -> None:
    job = unsent()
    assert [await broker.enqueue([job]) for _ in range(2)] == [
        [Enqueued(job.id, True)],
        [Enqueued(job.id, False)],
    ]
    (queue,) = await broker.queues()
    assert queue.counts.ready == 1


async def test_what_may_have_been_sent_before_is_looked_for_among_the_ended(broker: Broker) -> None:
    (job,) = new_jobs(1)
    await broker.enqueue([job])
    (claim,) = await take(broker)
    await broker.settle([ending(claim)])
    assert await broker.enqueue([job]) == [Enqueued(job.id, False)]
    assert await take(broker) == []
