"""`stoker.enqueue`, as a program without Stoker calls it."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import finish, ids_of, job_of, take
from stoker.client import Client
from stoker.jobs.ids import is_of_queue, queue_byte
from stoker.jobs.job import Job, NewJob
from stoker.jobs.operating import TypeInfo
from stoker.jobs.state import State

PUBLISHED = TypeInfo(
    name="reports.generate",
    queue="reports",
    priority=7,
    max_attempts=3,
    timeout=600.0,
    expires=86400.0,
    tags=("report", "monthly"),
    schema={
        "type": "object",
        "properties": {"kind": {"type": "string"}, "month": {}},
        "required": ["kind"],
        "additionalProperties": False,
    },
)


@pytest.fixture
async def broker(postgres_url: str) -> AsyncIterator[Broker]:
    async with connect(postgres_url) as broker:
        yield broker


@pytest.fixture
def connection(postgres_url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def enqueue(connection: "psycopg.Connection[Any]", arguments: str, *values: object) -> str:
    row = connection.execute(f"SELECT stoker.enqueue({arguments})", values).fetchone()
    assert row is not None
    return str(row[0])


async def enqueued(broker: Broker, connection: "psycopg.Connection[Any]", arguments: str) -> Job:
    return await job_of(broker, enqueue(connection, arguments))


async def test_a_type_that_nobody_has_published_gets_the_systems_defaults(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    job = await enqueued(broker, connection, "'plain'")
    bare = NewJob(id=job.id, type="plain")
    assert (job.queue, job.priority, job.max_attempts) == (bare.queue, bare.priority, bare.max_attempts)
    assert (job.state, bytes(job.payload), job.timeout, job.tags) == (State.PENDING, b"{}", None, ())


async def test_a_published_type_gets_its_own(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    await broker.publish([PUBLISHED])
    job = await enqueued(broker, connection, """'reports.generate', '{"kind": "monthly"}'""")
    assert (job.queue, job.priority, job.max_attempts) == ("reports", 7, 3)
    assert (job.timeout, job.tags) == (600.0, ("report", "monthly"))
    assert job.expires_at == job.created_at + timedelta(days=1)
    assert json.loads(bytes(job.payload)) == {"kind": "monthly"}


async def test_every_option_is_a_named_argument(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    await broker.publish([PUBLISHED])
    id = "01a210c0-3827-7cd8-8a2d-0ec4b25fdf" + f"{queue_byte('other'):02x}"
    job = await enqueued(
        broker,
        connection,
        f"""
        'reports.generate', '{{"kind": "a"}}', queue => 'other', priority => 9, delay => '1h',
        expires => '2h', timeout => '90s', max_attempts => 4, tags => '{{x}}', "unique" => 'key',
        unique_scope => 'waiting', on_conflict => 'error', headers => '{{"traceparent": "00-1"}}',
        id => '{id}'
        """,
    )
    assert (job.id, job.queue, job.priority, job.max_attempts) == (id, "other", 9, 4)
    assert (job.timeout, job.tags, job.unique_key) == (90.0, ("x",), "key")
    assert job.scheduled_at == job.created_at + timedelta(hours=1)
    assert job.expires_at == job.created_at + timedelta(hours=2)


async def test_a_time_is_kept_as_it_is_given(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    job = await enqueued(broker, connection, "'plain', at => '2100-01-01 12:00:00+00'")
    assert job.scheduled_at == datetime(2100, 1, 1, 12, tzinfo=UTC)


async def test_it_runs_like_any_other_and_is_counted(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    id = enqueue(connection, """'plain', '{"n": 1}'""")
    (claim,) = await take(broker)
    assert (claim.id, claim.payload) == (id, b'{"n": 1}')
    await finish(broker, claim)
    (info,) = await broker.queues()
    assert (info.counts.completed, info.counts.total) == (1, 1)


async def test_a_rolled_back_transaction_leaves_no_job(broker: Broker, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        id = enqueue(connection, "'plain'")
        connection.rollback()
    assert await broker.get([id]) == [None]


@pytest.mark.parametrize("queue", ["default", "mail", "a", "x" * 128])
def test_an_id_tells_its_queue(connection: "psycopg.Connection[Any]", queue: str) -> None:
    before = datetime.now(UTC)
    id = enqueue(connection, "'plain', queue => %s", queue)
    assert is_of_queue(id, queue)
    assert id[14] == "7"
    assert abs(int(id[:8] + id[9:13], 16) / 1000 - before.timestamp()) < 60


async def test_a_known_id_changes_nothing(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    id = enqueue(connection, "'plain'")
    assert enqueue(connection, "'plain', id => %s", id) == id
    (claim,) = await take(broker)
    await finish(broker, claim)
    assert enqueue(connection, "'plain', id => %s", id) == id
    assert await take(broker) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("NULL", "is no name"),
        ("'no name'", "is no name"),
        ("'plain', queue => 'no/name'", "is no name"),
        ("'plain', priority => 10", "priority must lie between 0 and 9"),
        ("'plain', priority => -1", "priority must lie between 0 and 9"),
        ("'plain', max_attempts => 0", "at least 1"),
        ("'plain', delay => '-1s'", "delay and expires"),
        ("'plain', delay => '1s', at => now()", "not both"),
        ("'plain', at => 'infinity'", "beyond the year 2200"),
        ("'plain', timeout => '0s'", "timeout"),
        ("'plain', expires => '200 years'", "delay and expires"),
        ("'plain', tags => '{\"\"}'", "tags"),
        ("'plain', tags => array_fill('x'::text, ARRAY[21])", "tags"),
        ("'plain', \"unique\" => ''", "1 to 200 characters"),
        ("'plain', \"unique\" => 'k', unique_scope => 'ever'", "unique_scope"),
        ("'plain', \"unique\" => 'k', on_conflict => 'ignore'", "on_conflict"),
        ("'plain', headers => '{\"a\": 1}'", "headers"),
        ("'plain', NULL", "must be an object"),
        ("'plain', '[1]'", "must be an object"),
        ("'plain', jsonb_build_object('a', repeat('x', 300000))", "at most 262144"),
        ("'plain', id => '01a210c0-3827-7cd8-8a2d-0ec4b25fdf00'", "does not lead to queue"),
        ("'reports.generate', '{}'", "'kind' is missing"),
        ('\'reports.generate\', \'{"kind": "a", "king": 1}\'', "no parameter 'king'"),
    ],
)
async def test_what_cannot_become_a_job_is_refused_with_a_reason(
    broker: Broker, connection: "psycopg.Connection[Any]", arguments: str, says: str
) -> None:
    await broker.publish([PUBLISHED])
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=says):
        enqueue(connection, arguments)
    assert await broker.queues() == []


async def test_a_key_that_is_held_answers_its_holder(
    broker: Broker, connection: "psycopg.Connection[Any]"
) -> None:
    first = enqueue(connection, "'plain', \"unique\" => 'key'")
    assert enqueue(connection, "'plain', \"unique\" => 'key'") == first
    with pytest.raises(psycopg.errors.UniqueViolation, match=first):
        enqueue(connection, "'plain', \"unique\" => 'key', on_conflict => 'error'")
    replaced = "'plain', '{\"n\": 2}', \"unique\" => 'key', on_conflict => 'replace'"
    assert enqueue(connection, replaced) == first
    assert ids_of(await take(broker)) == [first]


@pytest.mark.parametrize(
    ("unique", "payload"),
    [
        ({}, {"user": 1, "note": 'ä \\ " \n \u007f', "deep": {"b": [1, None, True], "a": {}}}),
        ({"by": ["user"]}, {"user": {"name": "x", "a": 1.5}, "note": "other"}),
        ({"by": ["user"]}, {"note": "user is not given"}),
        ({"key": "fixed"}, {"user": 2}),
        ({"scope": 60.0}, {"user": "long " * 60}),
    ],
)
async def test_a_type_that_is_unique_has_the_same_key_from_every_side(
    broker: Broker,
    connection: "psycopg.Connection[Any]",
    unique: dict[str, Any],
    payload: dict[str, Any],
) -> None:
    schema: dict[str, Any] = {"properties": {"user": {}, "note": {}, "deep": {}}}
    await broker.publish([TypeInfo(name="once", queue="q", unique=unique, schema=schema)])
    id = enqueue(connection, "'once', %s", json.dumps(payload))
    async with Client(broker) as client:
        handle = await client.enqueue("once", payload)
    assert (handle.id, handle.created) == (id, False)


async def test_whoever_listens_is_told_at_the_commit(broker: Broker, postgres_url: str) -> None:
    wakeups = broker.wakeups()
    await anext(wakeups)
    with psycopg.connect(postgres_url) as connection:
        enqueue(connection, "'plain', queue => 'mail'")
    async for wakeup in wakeups:
        if "mail" in wakeup.queues:
            break
    await wakeups.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 300])
@pytest.mark.parametrize("size", [1, 20, 64])
def test_digests_are_the_standard_ones(
    connection: "psycopg.Connection[Any]", length: int, size: int
) -> None:
    data = bytes(range(256)) * 2
    row = connection.execute("SELECT stoker.blake2b(%s, %s)", [data[:length], size]).fetchone()
    assert row is not None
    assert bytes(row[0]) == hashlib.blake2b(data[:length], digest_size=size).digest()
