"""The whole kit once more, through PgBouncer in transaction mode."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import anyio
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
from stoker.brokers.conformance.making import SOON, finish, new_job, start
from stoker.jobs.clock import Offset
from stoker.jobs.operating import Wakeup

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pooled_url(empty_postgres: Callable[[], str], pooled_postgres: Any) -> Iterator[str]:
    with pooled_postgres(empty_postgres()) as url:
        yield url


class Callers:
    """A caller's own transaction, through the pooler as well."""

    def __init__(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        self.connection = connection

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()


class TestPooled(BrokerContract, HintsContract, RowLocksContract):
    @pytest.fixture
    def opening(self, postgres_url: str, pooled_url: str) -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            url = f"{pooled_url}?listen={quote(postgres_url, safe='')}"
            return connect(url, offset=offset, max_log_entries=max_log_entries)

        return open

    @pytest.fixture
    def begin(self, pooled_url: str) -> Begin:
        @asynccontextmanager
        async def begin() -> AsyncIterator[Callers]:
            connection = await psycopg.AsyncConnection.connect(pooled_url, prepare_threshold=None)
            try:
                yield Callers(connection)
            finally:
                await connection.close()

        return begin


async def test_where_nothing_can_be_heard_it_looks_now_and_then(
    postgres_url: str, pooled_url: str
) -> None:
    async with connect(pooled_url) as broker:
        wakeups = broker.wakeups()
        with anyio.fail_after(SOON):
            for _ in range(3):
                assert await anext(wakeups) == Wakeup("ready")
        await wakeups.aclose()  # type: ignore[attr-defined]


async def test_where_nothing_can_be_heard_an_end_is_still_noticed(
    postgres_url: str, pooled_url: str
) -> None:
    async with connect(pooled_url) as broker:
        claim = await start(broker, new_job())
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(finish, broker, claim)
                job = await broker.settled(claim.id, SOON)
        assert job is not None
