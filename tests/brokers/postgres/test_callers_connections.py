"""The promises about callers' transactions, on every kind of connection that callers bring."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from django.conf import settings
from django.db.utils import ConnectionHandler
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import Begin, Opening
from stoker.brokers.conformance.fixtures import Fixtures
from stoker.brokers.conformance.making import new_job
from stoker.brokers.conformance.promises.transactions import EnqueueInPromises, SettleInPromises
from stoker.jobs.errors import BrokerRefused, TransactionsUnsupported


class Transaction:
    """A caller's, whatever its library calls commit and rollback, and whether they suspend or not."""

    def __init__(self, connection: Any, commit: Callable[[], Any], rollback: Callable[[], Any]) -> None:
        self.connection = connection
        self._commit, self._rollback = commit, rollback

    async def commit(self) -> None:
        await _done(self._commit())

    async def rollback(self) -> None:
        await _done(self._rollback())


async def _done(answer: Any) -> None:
    if isinstance(answer, Awaitable):
        await answer


Kind = Callable[[str], AbstractAsyncContextManager[Transaction]]


@asynccontextmanager
async def by_psycopg(url: str) -> AsyncIterator[Transaction]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        yield Transaction(connection, connection.commit, connection.rollback)


@asynccontextmanager
async def by_async_psycopg(url: str) -> AsyncIterator[Transaction]:
    connection = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
    try:
        yield Transaction(connection, connection.commit, connection.rollback)
    finally:
        await connection.close()


@asynccontextmanager
async def by_asyncpg(url: str) -> AsyncIterator[Transaction]:
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield Transaction(connection, transaction.commit, transaction.rollback)
        if connection.is_in_transaction():
            await transaction.rollback()


def _address(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://", 1)


@contextmanager
def _engine(url: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(_address(url, "psycopg"))
    try:
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def by_sqlalchemy_connection(url: str) -> AsyncIterator[Transaction]:
    with _engine(url) as engine, engine.connect() as connection:
        yield Transaction(connection, connection.commit, connection.rollback)


@asynccontextmanager
async def by_sqlalchemy_session(url: str) -> AsyncIterator[Transaction]:
    with _engine(url) as engine, Session(engine) as session:
        yield Transaction(session, session.commit, session.rollback)


@asynccontextmanager
async def by_sqlalchemy_async_connection(url: str) -> AsyncIterator[Transaction]:
    engine = create_async_engine(_address(url, "psycopg"))
    async with engine.connect() as connection:
        yield Transaction(connection, connection.commit, connection.rollback)
    await engine.dispose()


@asynccontextmanager
async def by_sqlalchemy_async_session(url: str) -> AsyncIterator[Transaction]:
    engine = create_async_engine(_address(url, "asyncpg"))
    async with AsyncSession(engine) as session:
        yield Transaction(session, session.commit, session.rollback)
    await engine.dispose()


@asynccontextmanager
async def by_django(url: str) -> AsyncIterator[Transaction]:
    with django_connection(url) as connection:
        connection.set_autocommit(False)
        yield Transaction(connection, connection.commit, connection.rollback)


@contextmanager
def django_connection(url: str) -> Iterator[Any]:
    if not settings.configured:
        settings.configure(USE_TZ=True)
    given = psycopg.conninfo.conninfo_to_dict(url)
    names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
    place = {name: given[parameter] for name, parameter in names.items()}
    handler = ConnectionHandler({"default": {"ENGINE": "django.db.backends.postgresql", **place}})
    connection = handler["default"]
    try:
        yield connection
    finally:
        connection.close()


KINDS: list[Kind] = [
    by_psycopg,
    by_async_psycopg,
    by_asyncpg,
    by_sqlalchemy_connection,
    by_sqlalchemy_session,
    by_sqlalchemy_async_connection,
    by_sqlalchemy_async_session,
    by_django,
]


@pytest.mark.filterwarnings("ignore:Accessing the database during app initialization")
class TestCallersConnections(Fixtures):
    @pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
    def kind(self, request: pytest.FixtureRequest) -> Kind:
        kind: Kind = request.param
        return kind

    @pytest.fixture(autouse=True)
    def on_a_loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # SyncClient speaks to it in the caller's thread; here, all run on one loop.
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

    @pytest.fixture
    def opening(self, opening: Opening) -> Opening:
        return opening

    @pytest.fixture
    def begin(self, postgres_url: str, kind: Kind) -> Begin:
        return lambda: kind(postgres_url)

    TestEnqueueIn = EnqueueInPromises
    TestSettleIn = SettleInPromises


@pytest.fixture
async def broker(postgres_url: str) -> AsyncIterator[Broker]:
    async with connect(postgres_url) as broker:
        yield broker


async def test_a_psycopg_connection_without_a_transaction_is_refused(
    broker: Broker, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        with pytest.raises(BrokerRefused, match="no transaction open"):
            await broker.enqueue_in(connection, [new_job()])
        with connection.transaction():
            await broker.enqueue_in(connection, [new_job()])
    assert (await broker.queues())[0].counts.total == 1


async def test_an_asyncpg_connection_without_a_transaction_is_refused(
    broker: Broker, postgres_url: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    with pytest.raises(BrokerRefused, match="no transaction open"):
        await broker.enqueue_in(connection, [new_job()])
    await connection.close()


async def test_a_django_connection_without_a_transaction_is_refused(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with (
        django_connection(postgres_url) as connection,
        pytest.raises(BrokerRefused, match="no transaction open"),
    ):
        await broker.enqueue_in(connection, [new_job()])


async def test_sqlalchemy_on_another_kind_of_database_is_refused(broker: Broker) -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(TransactionsUnsupported, match="sqlite"):
        await broker.enqueue_in(connection, [new_job()])


async def test_a_savepoint_of_the_callers_takes_the_job_with_it(
    broker: Broker, postgres_url: str
) -> None:
    kept, undone = new_job(), new_job()
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await broker.enqueue_in(connection, [kept])
        try:
            async with connection.transaction():
                await broker.enqueue_in(connection, [undone])
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
    assert [job is not None for job in await broker.get([kept.id, undone.id])] == [True, False]


def test_a_synchronous_connection_never_suspends(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        call = connect(postgres_url).enqueue_in(connection, [new_job()])
        with pytest.raises(StopIteration):
            call.send(None)
