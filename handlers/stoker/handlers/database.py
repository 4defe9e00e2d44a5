"""The database that the shipped handlers work on: SQLite or Postgres, through SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.types import TypeDecorator

from stoker.handlers.environment import required
from stoker.jobs.errors import ConfigError

VARIABLE = "STOKER_DATABASE_URL"
EXAMPLE = "sqlite:////var/lib/app/app.db (or postgresql+psycopg://user:password@host/database)"
BUSY_TIMEOUT = 10_000
"""Milliseconds that a SQLite statement waits for another program's write."""


@contextmanager
def open_database() -> Iterator[Engine]:
    """The engine for the database that STOKER_DATABASE_URL names; disposed of at the end.

    Raises ConfigError if the variable is missing or does not name a database that can serve.
    """
    engine = connect_database(required(VARIABLE, EXAMPLE))
    try:
        yield engine
    finally:
        engine.dispose()


def connect_database(url: str) -> Engine:
    """An engine for this URL; no connection is made yet.

    SQLite runs in WAL mode, so that reading a report and writing a row do not wait for each other.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        raise ConfigError(f"{VARIABLE} is not a database URL: give it as {EXAMPLE}") from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"{VARIABLE} needs a driver that is not installed: {error.name}") from None
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigError(f"{VARIABLE} must be sqlite or postgresql, not {engine.dialect.name}")
    if engine.dialect.name == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError(f"{VARIABLE} needs a file: a database in memory has nobody to share it")
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in and out, in UTC, also where the database has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone: give an aware datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
