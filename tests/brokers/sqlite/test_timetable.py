import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stoker.brokers.conformance.making import counts_of, new_job, state_of
from stoker.brokers.conformance.scheduling import (
    HOUR,
    PAST,
    after,
    new_row,
    put,
    rows_of,
    slot_job,
    written,
)
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.statements import statements
from stoker.jobs.errors import BrokerUnavailable, UniqueConflict
from stoker.jobs.job import Holding
from stoker.jobs.recurring import Skip
from stoker.jobs.state import State

from .conftest import Open

ONE, MANY = 10, 10_000


@pytest.fixture
def connection(broker: SqliteBroker, path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def steps(connection: sqlite3.Connection, statement: str, *given: object) -> int:
    """Of SQLite's machine, in tens."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.set_progress_handler(count, 10)
    connection.execute(statement, given).fetchall()
    connection.set_progress_handler(None, 0)
    return taken


def fill(connection: sqlite3.Connection, count: int) -> None:
    """So many rows, none of them due before the time 1,000."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM stoker_recurring")
    connection.executemany(
        "INSERT INTO stoker_recurring (id, name, revision, due_at, body) VALUES (?1, ?1, 1, ?2, '{}')",
        [(f"{number:05}", 1000 + number) for number in range(count)],
    )
    connection.execute("COMMIT")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("recurring_due", (999, 200)),
        ("recurring_next", (0,)),
        ("recurring_page", ("00005", 3)),
        ("recurring_named", ('["00003"]', '["00004"]')),
        ("recurring_change", ("00003", 1, 2, 1000, "{}")),
    ],
)
async def test_ten_thousand_rows_cost_no_more_than_ten(
    connection: sqlite3.Connection, name: str, given: tuple[object, ...]
) -> None:
    statement = getattr(statements(), name)
    fill(connection, ONE)
    few = steps(connection, statement, *given)
    fill(connection, MANY)
    assert steps(connection, statement, *given) <= few + 2


async def test_what_is_written_survives_the_program(open_broker: Open) -> None:
    row = new_row()
    job, skip = slot_job(row, PAST), Skip(slot_job(row, PAST + HOUR), "overlap")
    async with open_broker() as broker:
        await broker.change([written(row, job, skipped=(skip,))])
    async with open_broker() as broker:
        assert await rows_of(broker) == [row]
        assert await state_of(broker, job.id) is State.PENDING
        assert await state_of(broker, skip.job.id) is State.SKIPPED


async def test_of_changes_with_one_that_is_refused_none_is_written(broker: SqliteBroker) -> None:
    await broker.enqueue([new_job("q", unique=Holding("k"))])
    first, second = new_row("a"), new_row("b")
    refused = slot_job(second, PAST, unique=Holding("k", on_conflict="error"))
    with pytest.raises(UniqueConflict):
        await broker.change([written(first, slot_job(first, PAST)), written(second, refused)])
    assert await rows_of(broker) == []
    assert (await counts_of(broker, "q")).total == 1


async def test_a_change_that_fails_half_way_leaves_row_and_slot_as_they_were(
    broker: SqliteBroker, connection: sqlite3.Connection
) -> None:
    row = new_row()
    await put(broker, row)
    connection.execute(
        "CREATE TRIGGER fail BEFORE UPDATE ON stoker_job BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    skip = Skip(slot_job(row, PAST + HOUR), "overlap")
    change = written(after(row, next_at=None), slot_job(row, PAST), skipped=(skip,))
    with pytest.raises(Exception, match="no"):
        await broker.change([change])
    assert await rows_of(broker) == [row]
    assert (await counts_of(broker, "q")).total == 0
    connection.execute("DROP TRIGGER fail")
    assert (await broker.change([change]))[0].accepted


async def test_a_payload_too_large_for_its_row_is_kept_with_a_skipped_job(
    broker: SqliteBroker,
) -> None:
    row = new_row()
    large = b'"' + b"x" * 100_000 + b'"'
    skip = Skip(slot_job(row, PAST, payload=large), "overlap")
    await broker.change([written(row, skipped=(skip,))])
    (job,) = await broker.get([skip.job.id])
    assert job is not None and bytes(job.payload) == large


async def test_a_look_needs_no_writer(broker: SqliteBroker, connection: sqlite3.Connection) -> None:
    await put(broker, new_row())
    connection.execute("BEGIN IMMEDIATE")
    assert len((await broker.due(10)).items) == 1
    assert await broker.recurring_count() == 1
    connection.execute("ROLLBACK")


async def test_what_was_not_entered_is_unavailable(open_broker: Open) -> None:
    with pytest.raises(BrokerUnavailable, match="async with"):
        await open_broker().due(1)
