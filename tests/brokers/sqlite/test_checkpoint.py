import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from stoker.brokers.conformance.making import new_job, new_jobs
from stoker.brokers.sqlite import writer
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.checkpoint import COMMIT_PAGES, PAGES, Checkpointer
from stoker.brokers.sqlite.opening import open_reading, open_writing, prepare_file

from .conftest import Connect, Open

SOON = 20.0
WITHOUT_LOG = 4096 * 2
"""Bytes that a database has whose tables are still in its log, and more."""


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    prepare_file(Address(path), create=True)
    with closing(open_writing(Address(path))) as connection:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("CREATE TABLE t (a)")
        yield connection


@pytest.fixture
def copier(path: Path, holder: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    with closing(open_writing(Address(path))) as connection:
        connection.execute("PRAGMA busy_timeout = 0")
        yield connection


@pytest.fixture
def checkpointer(holder: sqlite3.Connection, copier: sqlite3.Connection) -> Checkpointer:
    return Checkpointer(holder, copier)


def fill(connection: sqlite3.Connection, rows: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 3000,)] * rows)
    connection.execute("COMMIT")


def size(path: Path) -> int:
    return path.stat().st_size


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_a_round_brings_the_log_home(
    path: Path, holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    fill(holder, 100)
    checkpointer.committed()
    assert size(path) <= WITHOUT_LOG and checkpointer.pending
    assert checkpointer.run() is True
    assert size(path) > 100 * 3000
    assert not checkpointer.pending


def test_nothing_is_due_until_the_log_is_long(
    holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    for _ in range(PAGES // COMMIT_PAGES - 1):
        fill(holder, 1)
        checkpointer.committed()
        if checkpointer.due:
            break
    assert not checkpointer.due or PAGES / COMMIT_PAGES < 10_000
    while not checkpointer.due:
        fill(holder, 10)
        checkpointer.committed()
    (_, log, _) = holder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert PAGES / 10 < log < 10 * PAGES


def test_a_transaction_that_wrote_nothing_makes_nothing_due(
    holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    for _ in range(PAGES):
        checkpointer.committed()
    assert not checkpointer.pending


def test_what_others_wrote_is_brought_home_by_whoever_notices(checkpointer: Checkpointer) -> None:
    checkpointer.others_committed()
    assert checkpointer.pending


def test_while_another_writes_no_round_takes_place(
    path: Path, holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    fill(holder, 10)
    checkpointer.committed()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert checkpointer.run() is False
        other.execute("ROLLBACK")
    assert checkpointer.pending
    assert checkpointer.run() is True


class Watched:
    """Looks, at the moment of the copying, whether anybody else could commit."""

    def __init__(self, copier: sqlite3.Connection, path: Path) -> None:
        self._copier = copier
        self._path = path
        self.others_could_write: list[bool] = []

    def execute(self, statement: str) -> sqlite3.Cursor:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
                self.others_could_write.append(True)
            except sqlite3.OperationalError:
                self.others_could_write.append(False)
        return self._copier.execute(statement)


def test_while_it_copies_nobody_can_commit(
    path: Path, holder: sqlite3.Connection, copier: sqlite3.Connection
) -> None:
    watched = Watched(copier, path)
    fill(holder, 10)
    assert Checkpointer(holder, watched).run() is True  # type: ignore[arg-type]
    assert watched.others_could_write == [False]
    fill(holder, 1)  # the lock was given back


def test_what_a_reader_still_needs_stays_for_a_later_round(
    path: Path, holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    fill(holder, 10)
    with closing(open_reading(Address(path))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        fill(holder, 50)
        checkpointer.committed()
        assert checkpointer.run() is True
        assert checkpointer.pending
        reader.execute("ROLLBACK")
    assert checkpointer.run() is True
    assert not checkpointer.pending


def test_a_reader_that_holds_a_long_log_back_makes_no_round_due_at_once(
    path: Path, holder: sqlite3.Connection, checkpointer: Checkpointer
) -> None:
    with closing(open_reading(Address(path))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        fill(holder, 3 * PAGES)
        assert checkpointer.run() is True
        assert checkpointer.pending and not checkpointer.due
        reader.execute("ROLLBACK")


async def test_closing_the_last_connection_leaves_no_log(path: Path, open_broker: Open) -> None:
    async with open_broker() as broker:
        await broker.enqueue(new_jobs(100))
        assert size(log_of(path)) > 0
    assert not log_of(path).exists()
    async with open_broker() as broker:
        assert (await broker.queues())[0].counts.ready == 100


async def test_after_a_pause_the_log_is_brought_home(
    path: Path, open_broker: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = watch_rounds(monkeypatch)
    monkeypatch.setattr(writer, "IDLE_AFTER", 0.1)
    async with open_broker() as broker:
        await broker.enqueue(new_jobs(100))
        with anyio.fail_after(SOON):
            await rounds.get()
        assert size(path) > 10_000


async def test_at_work_the_log_is_brought_home_when_it_is_long(
    broker: SqliteBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = watch_rounds(monkeypatch)
    monkeypatch.setattr(writer, "IDLE_AFTER", 3600.0)
    payload = b'{"a":"' + b"x" * 1500 + b'"}'
    with anyio.fail_after(SOON):
        while rounds.empty():
            await broker.enqueue(new_jobs(500, payload=payload))


async def test_work_without_a_pause_is_not_held_up_by_small_rounds(
    broker: SqliteBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = watch_rounds(monkeypatch)
    monkeypatch.setattr(writer, "IDLE_AFTER", 3600.0)
    for _ in range(20):
        await broker.enqueue(new_jobs(5))
    assert rounds.empty()


async def test_what_a_caller_wrote_is_brought_home_too(
    path: Path, broker: SqliteBroker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_AFTER", 0.1)
    rounds = watch_rounds(monkeypatch)
    with connect() as connection:
        await broker.enqueue_in(connection, new_jobs(100))
        connection.commit()
        with anyio.fail_after(SOON):
            await rounds.get()
            while size(path) <= 10_000:
                await rounds.get()


@pytest.mark.parametrize("autocommits", [1, 1000])
async def test_a_callers_connection_stops_checkpointing_by_itself(
    path: Path, broker: SqliteBroker, connect: Connect, autocommits: int
) -> None:
    with connect() as connection:
        connection.execute(f"PRAGMA wal_autocheckpoint = {autocommits}")
        before = size(path)
        for _ in range(5):
            await broker.enqueue_in(connection, [new_job(payload=b'{"a":"' + b"x" * 100_000 + b'"}')])
            assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
            connection.commit()
        assert size(path) == before


def watch_rounds(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[bool]":
    """Every checkpoint from now on, with whether it took place."""
    rounds: asyncio.Queue[bool] = asyncio.Queue()
    loop, run = asyncio.get_running_loop(), Checkpointer.run

    def run_and_tell(self: Checkpointer) -> bool:
        took_place = run(self)
        loop.call_soon_threadsafe(rounds.put_nowait, took_place)
        return took_place

    monkeypatch.setattr(Checkpointer, "run", run_and_tell)
    return rounds
