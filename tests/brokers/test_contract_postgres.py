from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import (
    Begin,
    BrokerContract,
    HintsContract,
    Opening,
    RowLocksContract,
)
from stoker.jobs.clock import Offset


class Callers:
    """A caller's own transaction, on a connection as psycopg makes it."""

    def __init__(self, connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
        self.connection = connection

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()


class TestPostgres(BrokerContract, HintsContract, RowLocksContract):
    @pytest.fixture
    def opening(self, postgres_url: str) -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(postgres_url, offset=offset, max_log_entries=max_log_entries)

        return open

    @pytest.fixture
    def begin(self, postgres_url: str) -> Begin:
        @asynccontextmanager
        async def begin() -> AsyncIterator[Callers]:
            connection = await psycopg.AsyncConnection.connect(postgres_url)
            try:
                yield Callers(connection)
            finally:
                await connection.close()

        return begin
