import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.migrating import migrate
from stoker.brokers.sqlite.opening import open_writing, prepare_file
from stoker.brokers.sqlite.statements import Statements, numbered, statements
from stoker.jobs.errors import BrokerRefused

NAMES = Statements.__struct_fields__
SOURCE = {
    file.name.removesuffix(".sql"): file.read_text()
    for file in (files("stoker.brokers.sqlite") / "sql").iterdir()
    if file.name.endswith(".sql")
}


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    prepare_file(Address(path), create=True)
    with closing(open_writing(Address(path))) as connection:
        migrate(connection, path)
        yield connection


def plan(connection: sqlite3.Connection, name: str) -> list[str]:
    """How SQLite would go about it, a line for each step."""
    statement = getattr(statements(), name)
    count = max((int(number) for number in re.findall(r"\?(\d+)", statement)), default=0)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * count)
    return [row[3] for row in rows]


def test_names_become_numbers_in_the_order_of_the_header() -> None:
    text = "-- What it does.\n-- takes: b, a\nSELECT :a, :b, :a -- :c is none\nWHERE x = :b;\n"
    assert numbered("verb", text) == "SELECT ?2, ?1, ?2 \nWHERE x = ?1;"


def test_a_statement_without_parameters_needs_no_header() -> None:
    assert numbered("verb", "SELECT 1;\n") == "SELECT 1;"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("-- takes: a\nSELECT :a, :b;", "b"),
        ("-- takes: a, b\nSELECT :a;", "b"),
        ("SELECT :a;", "a"),
        ("-- takes: a\nSELECT 1;", "a"),
    ],
    ids=["not named", "not used", "no header", "used nowhere"],
)
def test_a_header_that_disagrees_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(BrokerRefused, match=rf"verb\.sql .* disagree about {wrong}$"):
        numbered("verb", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_fits_the_schema(connection: sqlite3.Connection, name: str) -> None:
    assert plan(connection, name) is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_file_runs_by_hand(connection: sqlite3.Connection, name: str) -> None:
    parameters = dict.fromkeys(re.findall(r"(?<!:):([a-z_]+)", SOURCE[name]))
    connection.execute(f"EXPLAIN {SOURCE[name]}", parameters)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_one_short_statement(name: str) -> None:
    assert re.sub("--.*", "", SOURCE[name]).count(";") == 1
    assert len(SOURCE[name].splitlines()) <= 30


INDEXED = {
    "claim_ready": "stoker_ready (queue=?)",
    "claim_lowest": "stoker_ready (queue=? AND priority=?)",
    "promote": "stoker_delayed (scheduled_at<?)",
    "expire": "stoker_expiring (expires_at>? AND expires_at<?)",
    "reclaim": "stoker_leased (lease_until<?)",
    "find_state": "stoker_listed (state=? AND created_at>?",
    "recurring_due": "stoker_recurring_due (due_at<?)",
    "recurring_page": "(name>?)",
    "recurring_named": "(name=?)",
    "recurring_change": "(id=?)",
    "prune_aged": "stoker_ended (state=? AND completed_at",
    "prune_beyond": "stoker_ended (state=?",
    "oldest_ready": "stoker_ready (queue=? AND priority=?)",
    "get": "sqlite_autoindex_stoker_job_1 (id=?)",
    "detail": "sqlite_autoindex_stoker_job_1 (id=?)",
    "standing": "sqlite_autoindex_stoker_job_1 (id=?)",
}


@pytest.mark.parametrize(("name", "index"), INDEXED.items(), ids=list(INDEXED))
def test_a_statement_seeks_in_its_index(connection: sqlite3.Connection, name: str, index: str) -> None:
    steps = plan(connection, name)
    assert any(step.startswith("SEARCH") and index in step for step in steps), steps


@pytest.mark.parametrize(
    "name",
    [
        "claim_ready",
        "claim_lowest",
        "promote",
        "expire",
        "reclaim",
        "queues_ready",
        "prune_aged",
        "recurring_due",
        "recurring_next",
    ],
)
def test_what_runs_all_the_time_sorts_nothing_and_reads_no_table_through(
    connection: sqlite3.Connection, name: str
) -> None:
    for step in plan(connection, name):
        assert "TEMP B-TREE" not in step, step
        assert not re.match(r"SCAN stoker_job(?! USING)", step), step


@pytest.mark.parametrize("name", ["settle", "renew", "report", "claim_take", "retry", "prune_gone"])
def test_a_write_goes_to_its_row(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, name)
    assert any("SEARCH stoker_job USING INTEGER PRIMARY KEY (rowid=?)" in step for step in steps), steps


def steps_of(connection: sqlite3.Connection, name: str, values: tuple[object, ...], rows: int) -> int:
    """Tens of steps that SQLite's machine takes for this statement, which gives so many rows."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 10)
    assert len(connection.execute(getattr(statements(), name), values).fetchall()) == rows
    connection.set_progress_handler(None, 0)
    return steps


def fill(connection: sqlite3.Connection, jobs: int, queues: int = 1) -> None:
    """So many jobs in place of those that were there, half of them ready, the queues in turn."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM stoker_job")
    connection.executemany(
        "INSERT INTO stoker_job (id, queue, state, ready, priority, created_at, scheduled_at, "
        "max_attempts, type) VALUES (?, ?, 'pending', ?, ?, 1, ?, 6, 'test')",
        [
            (str(number), f"queue-{number // 2 % queues:04}", number % 2, number % 10, number)
            for number in range(jobs)
        ],
    )
    connection.execute("COMMIT")


def test_a_claim_reads_no_more_than_it_takes(connection: sqlite3.Connection) -> None:
    def steps(jobs: int) -> int:
        fill(connection, jobs)
        return steps_of(connection, "claim_ready", ("queue-0000", 10), 10)

    assert steps(20_000) <= steps(200) * 2


def test_a_claim_looks_up_few_names_however_many_queues_have_jobs(
    connection: sqlite3.Connection,
) -> None:
    def steps(queues: int) -> int:
        fill(connection, 4 * queues, queues)
        return steps_of(connection, "queues_ready", ("queue-0001", 4), 4)

    assert steps(2_000) <= steps(10) * 2


@pytest.mark.parametrize("name", ["settle", "settle_alike", "renew", "report"])
@pytest.mark.parametrize(("token", "rows"), [("current", 1), ("stale", 0)])
def test_a_write_for_a_run_asks_for_its_token_itself(
    connection: sqlite3.Connection, name: str, token: str, rows: int
) -> None:
    connection.execute(
        "INSERT INTO stoker_job (seq, id, queue, state, ready, priority, created_at, scheduled_at, "
        "lease_until, token, max_attempts, type) "
        "VALUES (7, 'id', 'default', 'running', 0, 5, 1, 1, 1, 'current', 6, 'test')"
    )
    given: dict[str, object] = dict.fromkeys(re.findall(r"(?<!:):([a-z_]+)", SOURCE[name]))
    given |= {"seq": 7, "jobs": "[7]", "token": token, "state": "completed", "completed_at": 2}
    given |= dict.fromkeys(["ready", "attempts", "crashes", "solo_deaths", "returns", "delay"], 0)
    given |= {"now": 2, "lease_until": 2}
    assert connection.execute(SOURCE[name], given).rowcount == rows
