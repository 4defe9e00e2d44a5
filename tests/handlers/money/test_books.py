import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, text
from sqlalchemy.exc import OperationalError

from stoker.handlers import database
from stoker.handlers.database import connect_database
from stoker.handlers.money import books as books_module
from stoker.handlers.money.definitions import recurring_postings, recurring_transactions
from stoker.handlers.money.processing import Processed
from stoker.handlers.reports.transactions import transactions
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock

from .bookkeeper import Bookkeeper

SetDay = Callable[..., None]


def test_each_posting_names_its_transaction(keeper: Bookkeeper, today: date) -> None:
    for number in range(5):
        keeper.put(description=f"Rent {number}")
    keeper.run()
    joined = select(recurring_postings, transactions).where(
        recurring_postings.c.transaction_id == transactions.c.id
    )
    with keeper.engine.connect() as connection:
        found = connection.execute(joined).all()
    assert len(found) == 15
    assert {row.reference == f"Rent {row.definition_id - 1}" for row in found} == {True}
    assert {row.occurred_at.date() == row.due_on for row in found} == {True}


def refuse(keeper: Bookkeeper, reference: str) -> None:
    """Let the database take no transaction with this reference."""
    row = {
        "occurred_at": datetime(2020, 1, 1, tzinfo=UTC),
        "category": "fee",
        "status": "settled",
        "amount_cents": 1,
        "counterparty": "x",
        "reference": reference,
    }
    with keeper.engine.begin() as connection:
        connection.execute(insert(transactions).values(row))
        connection.execute(
            text(
                "CREATE UNIQUE INDEX refused ON transactions (reference) "
                f"WHERE reference = '{reference}'"
            )
        )


def test_what_the_database_refuses_keeps_no_other_back(keeper: Bookkeeper, today: date) -> None:
    for name in "abcdefg":
        keeper.put(description=name)
    refuse(keeper, "d")
    ctx = FakeContext()
    assert keeper.run(ctx=ctx) == Processed(definitions=7, created=18, failed=1)
    assert [reference for reference, day in keeper.booked() if day > "2026-03"] == list("abcefg")
    assert any("the database refuses it" in line for line in ctx.logs)
    assert [row.last_processed_date for row in keeper.rows()].count(None) == 1


def test_a_date_that_was_booked_stays_booked_when_the_last_processed_date_is_set_back(
    keeper: Bookkeeper, today: date
) -> None:
    id = keeper.put()
    keeper.run()
    keeper.change(id, last_processed_date=None)
    assert keeper.run() == Processed(definitions=1)
    keeper.change(id, last_processed_date=date(2026, 1, 31))
    assert keeper.run() == Processed(definitions=1)
    assert len(keeper.booked()) == 3
    assert keeper.rows()[0].last_processed_date == today


def test_a_transaction_that_was_deleted_is_not_made_again(keeper: Bookkeeper, today: date) -> None:
    id = keeper.put()
    keeper.run()
    with keeper.engine.begin() as connection:
        connection.execute(delete(transactions))
    keeper.change(id, last_processed_date=None)
    assert keeper.run().created == 0


def test_the_key_refuses_a_second_transaction_of_one_date(
    keeper: Bookkeeper, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = keeper.put()
    keeper.run()
    keeper.change(id, last_processed_date=None)
    other = keeper.put(description="Other")
    # As if another program had booked those dates without taking the lock.
    monkeypatch.setattr(books_module, "_taken", lambda connection, ids: set())
    assert keeper.run() == Processed(definitions=2, created=3, failed=1)
    assert len(keeper.booked()) == 6
    assert [row.last_processed_date for row in keeper.rows()] == [None, today]
    assert other == keeper.rows()[1].id


def test_nobody_reads_to_book_while_another_is_booking(
    keeper: Bookkeeper, today: date, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = keeper.put()
    for module in (database, books_module):
        monkeypatch.setattr(module, "BUSY_TIMEOUT", 1)
    other = Bookkeeper(connect_database(address), FakeClock()).books
    write = keeper.books._write

    def interfere(*args: Any) -> None:
        with monkeypatch.context() as patch, pytest.raises(OperationalError):
            patch.setattr(other, "_stands", lambda *_: pytest.fail("it has read past the lock"))
            other.book([id], 1)
        write(*args)

    monkeypatch.setattr(keeper.books, "_write", interfere)
    assert keeper.run() == Processed(definitions=1, created=3)
    [standing] = other.book([id], 1)
    assert standing.due.dates == (date(2026, 4, 30),)
    other.engine.dispose()


def test_runs_at_once_book_every_date_exactly_once(
    keeper: Bookkeeper, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "BATCH", 7)
    for number in range(50):
        keeper.put(description=f"{number:02d}")
    start = Barrier(4)

    def one() -> Processed:
        start.wait(10)
        return keeper.run()

    with ThreadPoolExecutor(4) as pool:
        done = [run.result(30) for run in [pool.submit(one) for _ in range(4)]]
    assert sum(one.created for one in done) == 150
    assert [one.failed for one in done] == [0, 0, 0, 0]
    assert len(set(keeper.booked())) == len(keeper.booked()) == 150


CRASH = """
import os, sys
from stoker.handlers.database import connect_database
from stoker.handlers import database
from stoker.handlers.database import connect_database
from stoker.handlers.money import books
from stoker.handlers.money.processing import process
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock
from stoker.jobs.clock import FakeClock
books._move = lambda connection, standings: os._exit(9)
process(FakeContext(), books.Books(connect_database(sys.argv[1]), "EUR", FakeClock()), 60, lambda: None)
"""


def test_a_crash_between_the_transactions_and_the_date_leaves_neither(
    keeper: Bookkeeper, address: str
) -> None:
    keeper.put()
    done = subprocess.run([sys.executable, "-c", CRASH, address], timeout=30)
    assert done.returncode == 9
    assert keeper.booked() == [] and keeper.rows()[0].last_processed_date is None
    made = keeper.run().created
    assert made == len(set(keeper.booked())) == len(keeper.booked()) == 12


def test_a_database_that_has_gone_fails_the_run(keeper: Bookkeeper, today: date) -> None:
    keeper.put()
    with keeper.engine.begin() as connection:
        connection.execute(text("DROP TABLE recurring_postings"))
    with pytest.raises(Exception, match="recurring_postings"):
        keeper.run()
    assert keeper.booked() == [] and keeper.rows()[0].last_processed_date is None


def test_without_anything_due_nothing_is_locked_or_written(keeper: Bookkeeper, set_day: SetDay) -> None:
    set_day(2025, 1, 1)
    keeper.put()
    statements: list[str] = []

    @event.listens_for(keeper.engine, "before_cursor_execute")
    def keep(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    keeper.run()
    event.remove(keeper.engine, "before_cursor_execute", keep)
    assert statements
    assert [one for one in statements if not one.startswith("SELECT") or "FOR " in one] == []


def test_definitions_do_not_sit_in_memory(sqlite_keeper: Bookkeeper) -> None:
    keeper = sqlite_keeper
    row = {
        "enabled": True,
        "frequency": "monthly",
        "anchor_day": 31,
        "start_date": date(2030, 1, 1),
        "amount_cents": 1,
        "currency": "EUR",
        "account": "a",
        "description": "d" * 1_000,
    }
    with keeper.engine.begin() as connection:
        connection.execute(insert(recurring_transactions), [row] * 10_000)
    keeper.run()
    tracemalloc.start()
    try:
        assert keeper.run().definitions == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # bytes; the texts alone come to 10,000,000
