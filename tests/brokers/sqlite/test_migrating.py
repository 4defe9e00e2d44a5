import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stoker.brokers import connect
from stoker.brokers.conformance.making import new_job
from stoker.brokers.migrations import Step, Stored
from stoker.brokers.sqlite import migrating
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.migrating import migrate, steps, stored
from stoker.brokers.sqlite.opening import open_writing, prepare_file
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable, SchemaTooNew

ENTER = """
import asyncio, sys
from stoker.brokers import connect

async def enter():
    async with connect(sys.argv[1], create=True) as broker:
        print(len(await broker.queues()))

asyncio.run(enter())
"""


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    prepare_file(Address(path), create=True)
    with closing(open_writing(Address(path))) as connection:
        yield connection


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def say(connection: sqlite3.Connection, *, version: int, oldest: int) -> None:
    connection.execute("UPDATE stoker_schema SET version = ?, oldest = ?", (version, oldest))


def test_steps_are_numbered_without_a_gap_and_expand_before_they_contract() -> None:
    found = steps()
    assert [step.number for step in found] == list(range(1, len(found) + 1))
    assert all(1 <= step.oldest <= step.number for step in found)
    assert [step.oldest for step in found] == sorted(step.oldest for step in found)


def test_an_empty_store_takes_all_steps(connection: sqlite3.Connection, path: Path) -> None:
    assert stored(connection) == Stored()
    migrate(connection, path)
    assert stored(connection) == Stored(len(steps()), steps()[-1].oldest)
    assert {"stoker_job", "stoker_schema", "stoker_tally"} <= tables(connection)


def test_a_store_that_is_up_to_date_is_left_alone(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    changes = connection.total_changes
    migrate(connection, path)
    assert connection.total_changes == changes


def test_an_older_store_takes_the_steps_that_it_lacks(
    connection: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection, path)
    known = steps()
    added = Step(len(known) + 1, 1, "CREATE TABLE added (a);\n")
    monkeypatch.setattr(migrating, "steps", lambda: [*known, added])
    migrate(connection, path)
    assert stored(connection).version == added.number
    assert "added" in tables(connection)


def test_a_step_that_fails_leaves_the_store_as_it_was(
    connection: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = steps()
    broken = Step(len(known) + 1, 1, "CREATE TABLE added (a);\nCREATE TABLE added (a);\n")
    monkeypatch.setattr(migrating, "steps", lambda: [*known, broken])
    with pytest.raises(BrokerUnavailable, match="already exists"):
        migrate(connection, path)
    assert tables(connection) == set()
    assert not connection.in_transaction


async def test_a_store_for_newer_programs_only_is_refused(path: Path) -> None:
    async with connect(f"sqlite:///{path}", create=True):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        say(connection, version=9, oldest=8)
    with pytest.raises(SchemaTooNew, match="schema 9, for programs from schema 8 on"):
        await connect(f"sqlite:///{path}").__aenter__()
    with pytest.raises(SchemaTooNew):
        await connect(f"sqlite:///{path}").migrate()


async def test_a_newer_store_that_still_knows_this_program_is_used(path: Path) -> None:
    async with connect(f"sqlite:///{path}", create=True):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        say(connection, version=9, oldest=1)
        connection.execute("ALTER TABLE stoker_job ADD COLUMN of_tomorrow TEXT")
    async with connect(f"sqlite:///{path}") as broker:
        (answer,) = await broker.enqueue([new_job()])
        assert answer.created
    with closing(sqlite3.connect(path)) as connection:
        assert stored(connection) == Stored(9, 1)


def test_threads_that_migrate_at_once_take_each_step_once(path: Path) -> None:
    prepare_file(Address(path), create=True)
    ready, errors = threading.Barrier(6), list[BaseException]()

    def migrate_here() -> None:
        try:
            with closing(open_writing(Address(path))) as connection:
                ready.wait()
                migrate(connection, path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate_here) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with closing(sqlite3.connect(path)) as connection:
        assert stored(connection).version == len(steps())


def test_processes_that_start_at_once_all_get_to_work(path: Path) -> None:
    command = [sys.executable, "-c", ENTER, f"sqlite:///{path}"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ends = [process.communicate(timeout=60) for process in started]
    assert ends == [("0\n", "")] * 4


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {"0001.sql": "-- The first. oldest: 1\n", "0003.sql": "-- oldest: 1\n"},
            "not numbered 1, 2, 3",
        ),
        ({"0002.sql": "-- oldest: 1\n"}, "not numbered"),
        ({}, "not numbered"),
        ({"0001.sql": "CREATE TABLE a (b);\n"}, "0001.sql does not say"),
    ],
    ids=["a gap", "no first", "none", "no oldest"],
)
def test_a_broken_installation_says_so(
    files: dict[str, str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    for name, content in files.items():
        (tmp_path / "migrations" / name).write_text(content)
    monkeypatch.setattr(migrating, "files", lambda package: tmp_path)
    with pytest.raises(BrokerRefused, match=re.escape(text)):
        steps()
