import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import (
    Begin,
    BrokerContract,
    HintsContract,
    Opening,
    TransactionsContract,
)
from stoker.jobs.clock import Offset

BEGINNINGS: dict[str, tuple[str | None, str]] = {
    "by itself": ("DEFERRED", ""),
    "BEGIN": (None, "BEGIN"),
    "BEGIN IMMEDIATE": (None, "BEGIN IMMEDIATE"),
}
"""How a caller's connection begins a transaction: its isolation level, and what the caller says."""


class Callers:
    """A caller's own transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    async def commit(self) -> None:
        self.connection.commit()

    async def rollback(self) -> None:
        self.connection.rollback()


class TestSqlite(BrokerContract, HintsContract, TransactionsContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "jobs.db"

    @pytest.fixture
    def opening(self, path: Path) -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(
                f"sqlite:///{path}", create=True, offset=offset, max_log_entries=max_log_entries
            )

        return open

    @pytest.fixture(params=BEGINNINGS)
    def begin(self, request: pytest.FixtureRequest, path: Path) -> Begin:
        level, begin_with = BEGINNINGS[request.param]

        @asynccontextmanager
        async def begin() -> AsyncIterator[Callers]:
            with closing(sqlite3.connect(path, isolation_level=level)) as connection:
                if begin_with:
                    connection.execute(begin_with)
                yield Callers(connection)

        return begin
