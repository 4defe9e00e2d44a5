"""Jobs within a caller's own transaction, through the client, on every kind of sqlite3 connection."""

import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.brokers import connect
from stoker.client import Client, SyncClient
from stoker.jobs.errors import (
    BrokerRefused,
    InvalidJob,
    InvalidPayload,
    JobNotFound,
    TransactionsUnsupported,
    UniqueConflict,
)
from stoker.jobs.outcome import Done
from stoker.jobs.state import State

from .conftest import Report, Worker, generate, once, plain

Open = Callable[[Path], sqlite3.Connection]


def as_python_makes_it(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path)


def begun_by_hand(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def with_a_row_factory(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    return connection


def without_autocommit(path: Path) -> sqlite3.Connection:
    if sys.version_info < (3, 12):
        pytest.skip("sqlite3 has no autocommit attribute before Python 3.12")
    return sqlite3.connect(path, autocommit=False)


@pytest.fixture(
    params=[as_python_makes_it, begun_by_hand, with_a_row_factory, without_autocommit],
    ids=lambda kind: kind.__name__,
)
def connection(request: pytest.FixtureRequest, database: Path, file: str) -> Iterator[Any]:
    with closing(sqlite3.connect(database)) as setup:
        setup.execute("CREATE TABLE orders (id INTEGER)")
        setup.commit()
    open: Open = request.param
    with closing(open(database)) as connection:
        yield connection


@pytest.fixture
async def client(file: str) -> AsyncIterator[Client]:
    async with Client(file) as client:
        yield client


@pytest.fixture
def sync(file: str) -> Iterator[SyncClient]:
    with SyncClient(file) as client:
        yield client


async def total(client: Client) -> int:
    return sum(queue.counts.total for queue in await client.queues())


async def test_a_job_is_there_once_the_transaction_is_committed(
    client: Client, connection: sqlite3.Connection
) -> None:
    connection.execute("INSERT INTO orders VALUES (1)")
    handle = await client.enqueue(generate.bind("a"), connection=connection, priority=9)
    assert handle.created
    assert connection.in_transaction
    assert await total(client) == 0
    connection.commit()
    job = await handle.status()
    assert (job.state, job.priority) == (State.PENDING, 9)


async def test_a_rolled_back_transaction_leaves_no_job(
    client: Client, connection: sqlite3.Connection
) -> None:
    connection.execute("INSERT INTO orders VALUES (1)")
    handle = await client.enqueue(plain.bind(), connection=connection)
    connection.rollback()
    assert await total(client) == 0
    with pytest.raises(JobNotFound, match="rolled back, it has left no job"):
        await handle.result(timeout=5)


async def test_waiting_within_the_open_transaction_is_refused_at_once(
    client: Client, connection: sqlite3.Connection
) -> None:
    handle = await client.enqueue(plain.bind(), connection=connection)
    with anyio.fail_after(4):
        for ask in (handle.result, handle.status, handle.cancel, handle.retry):
            with pytest.raises(JobNotFound, match="within a transaction, so commit that first"):
                await ask()
    connection.commit()
    worker = Worker(client.broker)
    await worker.run(Done(b"7"))
    assert await handle.result(timeout=5) == 7


async def test_many_jobs_go_into_one_transaction(
    client: Client, connection: sqlite3.Connection
) -> None:
    handles = await client.enqueue_many(
        [plain.bind(1), ("reports.generate", {"kind": "a"})], connection=connection
    )
    assert await client.enqueue_many([], connection=connection) == []
    connection.commit()
    assert [(await handle.status()).type for handle in handles] == ["plain", "reports.generate"]


async def test_a_job_that_is_refused_leaves_the_transaction_as_it_is(
    client: Client, connection: sqlite3.Connection
) -> None:
    connection.execute("INSERT INTO orders VALUES (1)")
    await client.enqueue(once.bind(1), connection=connection)
    with pytest.raises(UniqueConflict):
        await client.enqueue(once.bind(1), connection=connection)
    with pytest.raises(InvalidJob):
        await client.enqueue(once.bind(2), connection=connection, priority=10)
    with pytest.raises(InvalidPayload):
        await client.enqueue("plain", {"number": "x"}, connection=connection)
    assert connection.in_transaction
    connection.commit()
    assert await total(client) == 1
    assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] == 1


def test_a_coroutine_with_a_synchronous_connection_never_suspends(
    file: str, connection: sqlite3.Connection
) -> None:
    broker = connect(file)  # as it is made: nothing of it needs to be open
    coroutine = Client(broker).enqueue(plain.bind(), connection=connection)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    connection.commit()
    assert connection.execute("SELECT count(*) FROM stoker_job").fetchone()[0] == 1
    assert done.value.value.created


# From code that cannot await


def test_the_sync_client_writes_in_the_callers_thread(
    sync: SyncClient, connection: sqlite3.Connection
) -> None:
    # The connection was made with check_same_thread, so another thread could not even touch it.
    connection.execute("INSERT INTO orders VALUES (1)")
    handle = sync.enqueue(plain.bind(), connection=connection)
    with pytest.raises(JobNotFound, match="commit that first"):
        handle.result(timeout=5)
    connection.commit()
    assert handle.status().state is State.PENDING


def test_the_sync_client_knows_the_catalogue_within_a_transaction_too(
    sync: SyncClient, connection: sqlite3.Connection
) -> None:
    with pytest.raises(InvalidPayload, match="parameter 'kind' is missing"):
        sync.enqueue("reports.generate", connection=connection)
    named = sync.enqueue("reports.generate", {"kind": "a"}, returns=Report, connection=connection)
    many = sync.enqueue_many([plain.bind(), ("plain", {"number": 3})], connection=connection)
    connection.commit()
    assert named.status().queue == "reports"
    assert [handle.status().type for handle in many] == ["plain", "plain"]


def test_the_first_use_may_come_while_the_callers_transaction_holds_the_lock(
    file: str, connection: sqlite3.Connection
) -> None:
    connection.execute("INSERT INTO orders VALUES (1)")
    with SyncClient(file) as sync:
        handle = sync.enqueue("reports.generate", {"kind": "a"}, connection=connection)
        connection.commit()
        assert handle.status().state is State.PENDING


# What cannot join


async def test_a_connection_without_a_transaction_is_refused(
    client: Client, sync: SyncClient, database: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        with pytest.raises(BrokerRefused, match="begin one"):
            await client.enqueue(plain.bind(), connection=connection)
        with pytest.raises(BrokerRefused, match="begin one"):
            sync.enqueue(plain.bind(), connection=connection)
    assert await total(client) == 0


async def test_another_database_is_refused(client: Client, sync: SyncClient, tmp_path: Path) -> None:
    for name in (":memory:", str(tmp_path / "other.db")):
        with closing(sqlite3.connect(name)) as connection:
            with pytest.raises(TransactionsUnsupported, match="the same file"):
                await client.enqueue(plain.bind(), connection=connection)
            with pytest.raises(TransactionsUnsupported, match="the same file"):
                sync.enqueue(plain.bind(), connection=connection)


async def test_what_is_no_connection_is_refused(client: Client, sync: SyncClient) -> None:
    for wrong in (object(), "sqlite:///a.db"):
        with pytest.raises(TransactionsUnsupported):
            await client.enqueue(plain.bind(), connection=wrong)
        with pytest.raises(TransactionsUnsupported):
            sync.enqueue(plain.bind(), connection=wrong)


async def test_a_broker_that_cannot_join_says_what_to_do_instead() -> None:
    async with Client("memory://") as client:
        with pytest.raises(TransactionsUnsupported, match="after your transaction has been committed"):
            await client.enqueue(plain.bind(), connection=object())
