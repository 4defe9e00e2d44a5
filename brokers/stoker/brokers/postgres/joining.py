"""Stoker's writes inside a caller's own transaction, on the caller's own connection.

Met are connections of psycopg (sync and async), asyncpg, SQLAlchemy (Connection, Session and their
async siblings, over any driver for Postgres) and Django. None of these libraries but psycopg is loaded
here: whoever has such a connection has imported its library. SQLAlchemy and Django are asked to run the
statement themselves and not for the driver's connection beneath them: with a lazy BEGIN, what is
written there stays although the session is rolled back.

The transaction is the caller's: nothing is begun while one is open, and nothing is committed or rolled
back but what a savepoint of ours holds.
"""

import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, Connection, RawCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from stoker.brokers.notes import Notes
from stoker.brokers.postgres.failures import foreign_errors_mapped
from stoker.brokers.postgres.session import Rows, Session
from stoker.brokers.postgres.statements import ServerTime, Statements
from stoker.brokers.postgres.telling import letters
from stoker.jobs.errors import BrokerRefused, TransactionsUnsupported

_NUMBER = re.compile(r"\$(\d+)")
_NONE_OPEN = (
    "the connection has no transaction open: begin one before enqueueing in it, "
    "or leave `connection=` out"
)


class Joined(Session):
    """A caller's transaction. A subclass knows how its library runs a statement."""

    def __init__(self, connection: Any, sql: Statements, time: ServerTime) -> None:
        self._connection = connection
        self._time = time
        self.sql = sql
        self.notes = Notes()

    def refuse(self) -> None:
        """Raise BrokerRefused or TransactionsUnsupported if nothing can be joined here."""

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        raise NotImplementedError

    async def rows(self, statement: str, *values: object) -> Rows:
        return await self.run(self._time.of(statement), values)

    @property
    def ahead(self) -> bool:
        return False  # when its commit waits for the disk is the caller's business

    async def rows_ahead(self, statement: str, *values: object) -> Rows:
        return await self.rows(statement, *values)

    @asynccontextmanager
    async def whole(self) -> AsyncIterator[None]:
        await self.run("SAVEPOINT stoker", ())
        try:
            yield
        except BaseException:
            await self.run("ROLLBACK TO SAVEPOINT stoker", ())
            await self.run("RELEASE SAVEPOINT stoker", ())
            raise
        await self.run("RELEASE SAVEPOINT stoker", ())

    async def wait_at_most(self, milliseconds: int) -> None:
        pass


class JoinedPsycopg(Joined):
    """psycopg's Connection. Never suspends."""

    def refuse(self) -> None:
        _refuse_psycopg(self._connection)

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        cursor = RawCursor(self._connection, row_factory=tuple_row)
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class JoinedAsyncPsycopg(Joined):
    """psycopg's AsyncConnection."""

    def refuse(self) -> None:
        _refuse_psycopg(self._connection)

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        cursor = AsyncRawCursor(self._connection, row_factory=tuple_row)
        await cursor.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


class JoinedAsyncpg(Joined):
    """asyncpg's Connection, and the one that its pool lends."""

    def refuse(self) -> None:
        if not self._connection.is_in_transaction():
            raise BrokerRefused(_NONE_OPEN)

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        return [tuple(row) for row in await self._connection.fetch(statement, *values)]


class JoinedSqlalchemy(Joined):
    """SQLAlchemy's Connection and Session. Never suspends."""

    def refuse(self) -> None:
        dialect = _dialect(self._connection)
        if dialect != "postgresql":
            raise TransactionsUnsupported(
                f"the SQLAlchemy connection speaks to {dialect}, and the jobs are in Postgres"
            )

    def _clause(self, statement: str, values: tuple[object, ...]) -> tuple[Any, dict[str, object]]:
        # Colons that are none of a parameter are escaped: text() would take them for one.
        text = _NUMBER.sub(r":p\1", statement.replace(":", "\\:"))
        named = {f"p{place}": value for place, value in enumerate(values, 1)}
        return sys.modules["sqlalchemy"].text(text), named

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        return _rows_of(self._connection.execute(*self._clause(statement, values)))


class JoinedAsyncSqlalchemy(JoinedSqlalchemy):
    """SQLAlchemy's AsyncConnection and AsyncSession."""

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        return _rows_of(await self._connection.execute(*self._clause(statement, values)))


class JoinedDjango(Joined):
    """Django's `connection`. Never suspends."""

    def refuse(self) -> None:
        if self._connection.vendor != "postgresql":
            raise TransactionsUnsupported(
                f"Django's connection speaks to {self._connection.vendor}, and the jobs are in Postgres"
            )
        if not self._connection.in_atomic_block and self._connection.get_autocommit():
            raise BrokerRefused(_NONE_OPEN)

    async def run(self, statement: str, values: tuple[object, ...]) -> Rows:
        places = [int(number) - 1 for number in _NUMBER.findall(statement)]
        text = _NUMBER.sub("%s", statement.replace("%", "%%")) if values else statement
        with self._connection.cursor() as cursor:
            cursor.execute(text, [values[place] for place in places] if values else None)
            return list(map(tuple, cursor.fetchall())) if cursor.description else []


@asynccontextmanager
async def joined(
    connection: Any, sql: Statements, time: ServerTime, shown: str
) -> AsyncIterator[Session]:
    """The caller's transaction; an exception within undoes what was written here only.

    Raises TransactionsUnsupported for what is no connection to a Postgres, BrokerRefused if it has no
    transaction open or its database has no jobs in it.
    """
    kind = _kind(connection)
    if kind is None:
        raise TransactionsUnsupported(
            f"a {type(connection).__module__}.{type(connection).__qualname__} cannot carry jobs of the "
            "Postgres broker: give a connection of psycopg, asyncpg, SQLAlchemy or Django"
        )
    session = kind(connection, sql, time)
    session.refuse()
    with foreign_errors_mapped(shown):
        async with session.whole():
            yield session
            for letter in letters(session.notes):
                await session.rows("SELECT pg_notify('stoker', $1)", letter)


def _kind(connection: Any) -> Callable[[Any, Statements, ServerTime], Joined] | None:
    if isinstance(connection, AsyncConnection):
        return JoinedAsyncPsycopg
    if isinstance(connection, Connection):
        return JoinedPsycopg
    for each in type(connection).__mro__:
        library, name = each.__module__.partition(".")[0], each.__name__
        found = _BY_NAME.get((library, name))
        if found is not None:
            return found
    return None


_BY_NAME: dict[tuple[str, str], Callable[[Any, Statements, ServerTime], Joined]] = {
    ("asyncpg", "Connection"): JoinedAsyncpg,
    ("asyncpg", "PoolConnectionProxy"): JoinedAsyncpg,
    ("sqlalchemy", "Connection"): JoinedSqlalchemy,
    ("sqlalchemy", "Session"): JoinedSqlalchemy,
    ("sqlalchemy", "scoped_session"): JoinedSqlalchemy,
    ("sqlalchemy", "AsyncConnection"): JoinedAsyncSqlalchemy,
    ("sqlalchemy", "AsyncSession"): JoinedAsyncSqlalchemy,
    ("sqlalchemy", "async_scoped_session"): JoinedAsyncSqlalchemy,
    ("django", "BaseDatabaseWrapper"): JoinedDjango,
    ("django", "ConnectionProxy"): JoinedDjango,
}


def _refuse_psycopg(connection: psycopg.BaseConnection[Any]) -> None:
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if connection.autocommit and idle:
        raise BrokerRefused(_NONE_OPEN)


def _dialect(connection: Any) -> str:
    bound = connection if hasattr(connection, "dialect") else connection.get_bind()
    return str(bound.dialect.name)


def _rows_of(result: Any) -> Rows:
    return [tuple(row) for row in result.fetchall()] if result.returns_rows else []
