from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData

from stoker.handlers.database import connect_database
from stoker.handlers.money.definitions import create_recurring_transactions
from stoker.handlers.money.ledger import create_charges
from stoker.handlers.money.schedules import create_billing
from stoker.jobs.clock import FakeClock

from .bookkeeper import Bookkeeper
from .till import Till


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def set_day(clock: FakeClock) -> Callable[..., None]:
    """Sets the clock to noon, or another hour, of a day in UTC."""

    def set_day(year: int, month: int, day: int, hour: int = 12) -> None:
        clock.jump(datetime(year, month, day, hour, tzinfo=UTC).timestamp() - clock.now())

    return set_day


@pytest.fixture(scope="session")
def postgres_money(postgres_databases) -> Iterator[Engine]:
    """A database of a real Postgres for this folder's tests."""
    with postgres_databases.new() as address:
        engine = connect_database(address.replace("postgresql://", "postgresql+psycopg://"))
        yield engine
        engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """A file with the money tables, all empty."""
    engine = connect_database(f"sqlite:///{tmp_path}/app.db")
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_money: Engine) -> Engine:
    """A database of a real Postgres with the money tables, all empty."""
    former = MetaData()
    former.reflect(postgres_money)
    former.drop_all(postgres_money)
    create_tables(postgres_money)
    return postgres_money


@pytest.fixture(params=["sqlite_engine", "postgres_engine"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each test that asks is run on both."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def create_tables(engine: Engine) -> None:
    create_recurring_transactions(engine)
    create_billing(engine)
    create_charges(engine)


@pytest.fixture
def keeper(engine: Engine, clock: FakeClock) -> Bookkeeper:
    return Bookkeeper(engine, clock)


@pytest.fixture
def sqlite_keeper(sqlite_engine: Engine, clock: FakeClock) -> Bookkeeper:
    return Bookkeeper(sqlite_engine, clock)


@pytest.fixture
def till(engine: Engine, clock: FakeClock) -> Till:
    return Till(engine, clock)


@pytest.fixture
def sqlite_till(sqlite_engine: Engine, clock: FakeClock) -> Till:
    return Till(sqlite_engine, clock)


@pytest.fixture
def address(engine: Engine) -> str:
    """For another process."""
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def today(set_day: Callable[..., None]) -> date:
    """Tuesday, 31 March 2026."""
    set_day(2026, 3, 31)
    return date(2026, 3, 31)
