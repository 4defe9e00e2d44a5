import socket

import anyio
import psycopg
import pytest

from stoker.brokers import connect
from stoker.brokers.conformance.making import finish, new_job, start
from stoker.brokers.connecting import migrations
from stoker.brokers.postgres.migrating import steps
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable, SchemaTooNew
from stoker.jobs.operating import Keep, Query
from stoker.jobs.state import State

from .conftest import Databases


async def enter(url: str, *, create: bool = False) -> None:
    async with connect(url, create=create):
        pass


async def test_many_that_start_at_once_prepare_an_empty_database_together(
    postgres_databases: Databases,
) -> None:
    with postgres_databases.new() as url:
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(lambda: enter(url, create=True))
        async with connect(url) as broker:
            await broker.enqueue([new_job()])


async def test_without_being_told_to_it_prepares_nothing(postgres_databases: Databases) -> None:
    with postgres_databases.new() as url:
        async with connect(url) as broker:
            with pytest.raises(BrokerRefused, match="run `stoker migrate`"):
                await broker.enqueue([new_job()])
            with pytest.raises(BrokerRefused, match="run `stoker migrate`"):
                await broker.find(Query())
            await broker.migrate()
            await broker.enqueue([new_job()])


async def test_preparing_again_changes_nothing(postgres_url: str) -> None:
    job = new_job()
    async with connect(postgres_url, create=True) as broker:
        await broker.enqueue([job])
        await broker.migrate()
        assert (await broker.get([job.id]))[0] is not None


async def test_a_database_for_newer_programs_is_refused(postgres_databases: Databases) -> None:
    with postgres_databases.new() as url:
        await enter(url, create=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE stoker.schema SET version = 99, oldest = 98")
        for create in (False, True):
            with pytest.raises(SchemaTooNew, match=f"this one knows {len(steps())}"):
                await enter(url, create=create)


async def test_a_newer_database_that_older_programs_may_use_is_used(
    postgres_databases: Databases,
) -> None:
    with postgres_databases.new() as url:
        await enter(url, create=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE stoker.schema SET version = 99")
        await enter(url, create=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.rpartition("/")[0] + "/nowhere",
        lambda url: url.replace("postgres@", "nobody@"),
        lambda url: f"{url}?sslmode=require",
    ],
    ids=["no such database", "no such user", "no TLS"],
)
async def test_what_will_never_do_is_refused(postgres_url: str, change) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BrokerRefused):
        await enter(change(postgres_url))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"postgresql://user:secret@127.0.0.1:{bound.getsockname()[1]}/jobs"
        with pytest.raises(BrokerUnavailable) as caught:
            await enter(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["connections=0", "connections=many", "nonsense=1", "listen=mysql://x"]
)
def test_an_option_that_means_nothing_is_refused(query: str) -> None:
    with pytest.raises(BrokerRefused):
        connect(f"postgresql://localhost/jobs?{query}")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_both_schemes_are_understood(postgres_url: str, scheme: str) -> None:
    await enter(postgres_url.replace("postgresql", scheme))


def test_the_sql_of_the_migrations_can_be_printed() -> None:
    printed = migrations("postgresql://localhost/jobs")
    assert len(printed) == len(steps()) and "CREATE TABLE stoker.job" in printed[0]


async def test_days_are_made_ahead_and_dropped_when_they_are_past(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT stoker.make_days(2)")
        days = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'stoker.done_failed'::regclass"
        ).fetchone()
        assert days is not None and days[0] >= 3
        row = connection.execute(
            "SELECT stoker.drop_days('failed', statement_timestamp() - interval '1 day')"
        ).fetchone()
        assert row == (0,)


async def test_a_day_that_is_past_retention_goes_whole(postgres_url: str) -> None:
    offset = Offset()
    async with connect(postgres_url, offset=offset) as broker:
        await broker.prune({}, 1)
        ids = []
        for _ in range(3):
            claim = await start(broker)
            await finish(broker, claim, State.FAILED)
            ids.append(claim.id)
        offset.advance(3 * 86400)
        # More than the limit, because a day goes in one piece.
        assert await broker.prune({State.FAILED: Keep(age=86400.0)}, 1) == 3
        assert await broker.get(ids) == [None] * 3
        (info,) = await broker.queues()
        assert (info.counts.failed, info.counts.pruned, info.counts.total) == (0, 3, 3)
