from datetime import date
from pathlib import Path

import pytest

from stoker.handlers import Cancel, Fail
from stoker.handlers.database import connect_database
from stoker.handlers.money import recurring_transactions as module
from stoker.handlers.money.books import open_books
from stoker.handlers.money.definitions import create_recurring_transactions
from stoker.handlers.money.processing import Processed
from stoker.handlers.money.recurring_transactions import process_recurring_transactions
from stoker.handlers.reports.transactions import create_transactions
from stoker.handlers.testing import FakeContext, Harness
from stoker.jobs.errors import ConfigError, InvalidPayload

from .bookkeeper import Bookkeeper


async def test_the_job_makes_what_is_due_and_answers_its_counts(
    sqlite_keeper: Bookkeeper, today: date
) -> None:
    sqlite_keeper.put()
    sqlite_keeper.put(currency="USD")
    async with Harness([module], resources={open_books: sqlite_keeper.books}) as harness:
        job = await harness.client.enqueue(process_recurring_transactions.bind(catch_up=2))
        [ran] = await harness.drain()
        assert await job.result() == Processed(definitions=2, created=2, behind=1, failed=1)
    assert ran.state == "completed"
    assert len(sqlite_keeper.booked()) == 2


def test_a_cancelled_job_ends_as_cancelled(sqlite_keeper: Bookkeeper, today: date) -> None:
    sqlite_keeper.put()
    ctx = FakeContext()
    ctx.cancel("enough")
    with pytest.raises(Cancel, match="enough"):
        process_recurring_transactions(ctx, books=sqlite_keeper.books)
    assert sqlite_keeper.booked() == []


@pytest.mark.parametrize("catch_up", [0, -1, 1_001])
def test_a_cap_that_is_none_fails_for_good(sqlite_keeper: Bookkeeper, catch_up: int) -> None:
    with pytest.raises(Fail, match="catch_up lies between 1 and 1000"):
        process_recurring_transactions(FakeContext(), catch_up, books=sqlite_keeper.books)


def test_a_cap_that_is_no_number_is_refused_when_binding() -> None:
    with pytest.raises(InvalidPayload, match="catch_up"):
        process_recurring_transactions.bind("many")  # type: ignore[arg-type]


def test_it_never_fires_by_itself() -> None:
    assert process_recurring_transactions.options.cron is None


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/app.db")
    monkeypatch.setenv("STOKER_CURRENCY", "CHF")
    return tmp_path


def test_the_books_are_those_that_the_environment_names(configured: Path) -> None:
    create_recurring_transactions(connect_database(f"sqlite:///{configured}/app.db"))
    with open_books() as books:
        assert (books.currency, books.enabled()) == ("CHF", 0)


@pytest.mark.parametrize("missing", ["STOKER_CURRENCY", "STOKER_DATABASE_URL"])
def test_what_is_not_configured_is_named(
    configured: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=f"{missing} is not set"), open_books():
        pass


def test_a_currency_that_is_none_is_refused(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOKER_CURRENCY", "euros")
    with pytest.raises(ConfigError, match="STOKER_CURRENCY: currency is three capital"), open_books():
        pass


def test_a_database_without_the_tables_is_told_how_to_get_them(configured: Path) -> None:
    create_transactions(connect_database(f"sqlite:///{configured}/app.db"))
    with pytest.raises(ConfigError, match=r"create_recurring_transactions\(engine\)"), open_books():
        pass
