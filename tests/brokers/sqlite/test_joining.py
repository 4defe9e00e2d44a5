import sqlite3
import sys
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import pytest

from stoker.brokers.conformance.making import counts_of, ending, finish, new_job, start, state_of
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.jobs.errors import (
    BrokerRefused,
    BrokerUnavailable,
    TransactionsUnsupported,
    UniqueConflict,
)
from stoker.jobs.job import Holding, Settlement
from stoker.jobs.state import State

from .conftest import Connect

T = TypeVar("T")
NEW_SQLITE3 = pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit= came with Python 3.12")


def through(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, as a synchronous caller does."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise AssertionError("the coroutine suspended")


async def was_kept(broker: SqliteBroker, id: str) -> bool:
    return (await broker.get([id]))[0] is not None


@pytest.mark.parametrize("level", ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
async def test_a_connection_that_begins_by_itself_needs_no_begin(
    broker: SqliteBroker, connect: Connect, level: str
) -> None:
    kept, dropped = new_job(), new_job()
    with connect(isolation_level=level) as connection:
        await broker.enqueue_in(connection, [dropped])
        assert connection.in_transaction
        connection.rollback()
        await broker.enqueue_in(connection, [kept])
        connection.commit()
    assert [await was_kept(broker, job.id) for job in (kept, dropped)] == [True, False]


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_caller_may_say_begin(broker: SqliteBroker, connect: Connect, begin: str) -> None:
    kept, dropped = new_job(), new_job()
    with connect(isolation_level=None) as connection:
        connection.execute(begin)
        await broker.enqueue_in(connection, [dropped])
        connection.execute("ROLLBACK")
        connection.execute(begin)
        await broker.enqueue_in(connection, [kept])
        connection.execute("COMMIT")
    assert [await was_kept(broker, job.id) for job in (kept, dropped)] == [True, False]


async def test_a_caller_that_says_begin_must_have_said_it(
    broker: SqliteBroker, connect: Connect
) -> None:
    job, claim = new_job(), await start(broker)
    with connect(isolation_level=None) as connection:
        with pytest.raises(BrokerRefused, match="BEGIN IMMEDIATE"):
            await broker.enqueue_in(connection, [job])
        with pytest.raises(BrokerRefused, match="no transaction open"):
            await broker.settle_in(connection, ending(claim))
        assert not connection.in_transaction
    assert not await was_kept(broker, job.id)
    await finish(broker, claim)


@NEW_SQLITE3
async def test_autocommit_on_needs_a_begin(broker: SqliteBroker, connect: Connect) -> None:
    job = new_job()
    with connect(autocommit=True) as connection:
        with pytest.raises(BrokerRefused):
            await broker.enqueue_in(connection, [job])
        connection.execute("BEGIN")
        await broker.enqueue_in(connection, [job])
        connection.execute("COMMIT")
    assert await was_kept(broker, job.id)


@NEW_SQLITE3
async def test_autocommit_off_is_always_in_a_transaction(
    broker: SqliteBroker, connect: Connect
) -> None:
    kept, dropped = new_job(), new_job()
    with connect(autocommit=False) as connection:
        await broker.enqueue_in(connection, [dropped])
        connection.rollback()
        await broker.enqueue_in(connection, [kept])
        connection.commit()
    assert [await was_kept(broker, job.id) for job in (kept, dropped)] == [True, False]


async def test_used_as_a_context_manager_it_commits_or_rolls_back_all(
    broker: SqliteBroker, connect: Connect
) -> None:
    kept, dropped = new_job(), new_job()
    with connect() as connection:
        with connection:
            await broker.enqueue_in(connection, [kept])
        with pytest.raises(ValueError), connection:
            await broker.enqueue_in(connection, [dropped])
            raise ValueError("of the caller")
    assert [await was_kept(broker, job.id) for job in (kept, dropped)] == [True, False]


async def test_a_callers_tables_and_its_jobs_are_written_together(
    broker: SqliteBroker, connect: Connect
) -> None:
    job = new_job(unique=Holding("key"))
    await broker.enqueue([new_job(unique=Holding("key"))])
    with connect() as connection:
        connection.execute("CREATE TABLE orders (number)")
        connection.execute("INSERT INTO orders VALUES (1)")
        with pytest.raises(UniqueConflict):
            conflict = new_job(unique=Holding("key", on_conflict="error"))
            await broker.enqueue_in(connection, [conflict])
        await broker.enqueue_in(connection, [job])
        connection.commit()
        connection.execute("INSERT INTO orders VALUES (2)")
        following = new_job()
        await broker.enqueue_in(connection, [following])
        connection.rollback()
        assert connection.execute("SELECT number FROM orders").fetchall() == [(1,)]
    assert not await was_kept(broker, following.id)
    assert (await counts_of(broker)).total == 1


async def test_a_callers_factories_are_for_its_own_rows(broker: SqliteBroker, connect: Connect) -> None:
    claim = await start(broker)
    with connect() as connection:
        connection.row_factory = lambda cursor, row: {"the row": row}
        connection.text_factory = bytes
        await broker.enqueue_in(connection, [new_job(unique=Holding("key"))])
        assert await broker.settle_in(connection, ending(claim)) == "accepted"
        assert connection.execute("SELECT 'text'").fetchone() == {"the row": (b"text",)}
        connection.commit()
    assert await state_of(broker, claim.id) is State.COMPLETED


async def test_a_savepoint_of_the_caller_takes_the_job_with_it(
    broker: SqliteBroker, connect: Connect
) -> None:
    kept, dropped = new_job(), new_job()
    with connect(isolation_level=None) as connection:
        connection.execute("BEGIN")
        await broker.enqueue_in(connection, [kept])
        connection.execute("SAVEPOINT mine")
        await broker.enqueue_in(connection, [dropped])
        connection.execute("ROLLBACK TO mine")
        connection.execute("COMMIT")
    assert [await was_kept(broker, job.id) for job in (kept, dropped)] == [True, False]
    assert (await counts_of(broker)).total == 1


def test_the_coroutine_runs_through_for_synchronous_callers(path: Path) -> None:
    async def prepare() -> str:
        async with SqliteBroker(Address(path), create=True) as broker:
            return (await start(broker)).token

    token = anyio.run(prepare)
    broker = SqliteBroker(Address(path))
    with closing(sqlite3.connect(path)) as connection:
        (answer,) = through(broker.enqueue_in(connection, [new_job()]))
        assert answer.created
        (id,) = connection.execute("SELECT id FROM stoker_job WHERE state = 'running'").fetchone()
        settlement = Settlement(id=id, token=token, state=State.COMPLETED, attempts=1)
        assert through(broker.settle_in(connection, settlement)) == "accepted"
        connection.commit()


async def test_another_database_is_refused(broker: SqliteBroker, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        with pytest.raises(TransactionsUnsupported, match="only in the same file"):
            await broker.enqueue_in(other, [new_job()])
        assert not other.in_transaction
    with (
        closing(sqlite3.connect(":memory:")) as memory,
        pytest.raises(TransactionsUnsupported, match="a database in memory"),
    ):
        await broker.enqueue_in(memory, [new_job()])


async def test_an_attached_database_is_not_the_connections_own(
    broker: SqliteBroker, path: Path
) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("ATTACH ? AS jobs", (str(path),))
        with pytest.raises(TransactionsUnsupported):
            await broker.enqueue_in(connection, [new_job()])


@pytest.fixture
def link(path: Path, tmp_path: Path) -> Path:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    return link


async def test_the_same_file_by_another_name_is_the_same_file(broker: SqliteBroker, link: Path) -> None:
    job = new_job()
    with closing(sqlite3.connect(link)) as connection:
        await broker.enqueue_in(connection, [job])
        connection.commit()
    assert await was_kept(broker, job.id)


async def test_a_closed_connection_is_an_error_of_the_broker(
    broker: SqliteBroker, connect: Connect
) -> None:
    with connect() as connection:
        pass
    with pytest.raises(BrokerUnavailable, match="closed"):
        await broker.enqueue_in(connection, [new_job()])


async def test_a_connection_of_another_thread_is_an_error_of_the_broker(
    broker: SqliteBroker, connect: Connect
) -> None:
    with connect() as connection:
        with pytest.raises(BrokerUnavailable, match="thread"):
            await anyio.to_thread.run_sync(lambda: through(broker.enqueue_in(connection, [new_job()])))
        assert not connection.in_transaction


async def test_while_another_writes_the_caller_is_told_after_its_own_patience(
    broker: SqliteBroker, connect: Connect
) -> None:
    with connect() as other, connect(timeout=0.01) as connection:
        await broker.enqueue_in(other, [new_job()])
        with pytest.raises(BrokerUnavailable, match="locked by another"):
            await broker.enqueue_in(connection, [new_job()])
        other.rollback()
        await broker.enqueue_in(connection, [new_job()])
        connection.commit()
    assert (await counts_of(broker)).total == 1


async def test_a_snapshot_that_has_become_old_is_an_outage_and_not_a_half_written_job(
    broker: SqliteBroker, connect: Connect
) -> None:
    job = new_job()
    with connect(isolation_level=None) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM stoker_job").fetchone()
        await broker.enqueue([new_job()])
        with pytest.raises(BrokerUnavailable, match="locked"):
            await broker.enqueue_in(connection, [job])
        connection.execute("ROLLBACK")
    assert not await was_kept(broker, job.id)
