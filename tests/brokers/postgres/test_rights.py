"""What a role needs at run time: to read and write rows and to call functions, and nothing else."""

from collections.abc import Iterator

import psycopg
import pytest

from stoker.brokers import connect
from stoker.brokers.conformance.making import ending, held, new_job, take
from stoker.brokers.conformance.scheduling import PAST, after, new_row, put, slot_job, written
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.job import Holding
from stoker.jobs.operating import Keep, Query, TypeInfo, Worker
from stoker.jobs.recurring import Skip
from stoker.jobs.state import State

ROLE = "stoker_test_runs"
GRANTS = f"""
CREATE ROLE {ROLE} LOGIN;
GRANT USAGE ON SCHEMA stoker TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stoker TO {ROLE};
REVOKE INSERT, UPDATE, DELETE ON stoker.schema FROM {ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA stoker TO {ROLE};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA stoker TO {ROLE}
"""
"""As docs/postgres.md has them."""


@pytest.fixture
def least_url(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(GRANTS)
        yield postgres_url.replace("postgres@", f"{ROLE}@")
        connection.execute(f"DROP OWNED BY {ROLE}")
        connection.execute(f"DROP ROLE {ROLE}")


async def test_all_that_runs_needs_no_more_than_these_rights(least_url: str) -> None:
    offset = Offset()
    async with connect(least_url, create=True, offset=offset) as broker:
        await broker.announce(Worker(name="worker"))
        await broker.publish([TypeInfo(name="test")])
        await broker.enqueue([new_job(), new_job(unique=Holding("key")), new_job(delay=5.0)])
        first, second = await take(broker)
        await broker.renew([held(first)], 30.0)
        await broker.settle([ending(first), ending(second, State.FAILED)])
        await broker.retry([second.id])
        await broker.cancel([second.id])
        await broker.pause("mail")
        row, slot = new_row(), slot_job(new_row(), PAST)
        await put(broker, row)
        await broker.change([written(after(row), skipped=(Skip(slot, "overlap"),))])
        assert len((await broker.due(10)).items) == await broker.recurring_count() == 1
        assert len((await broker.find(Query())).items) == 4
        offset.advance(5 * 86400)
        assert (await broker.promote(10)).promoted == 1
        retention = {State.COMPLETED: Keep(age=60.0), State.CANCELLED: Keep(age=60.0)}
        assert await broker.prune(retention, 10) == 2
        with psycopg.connect(least_url) as connection:
            connection.execute("SELECT stoker.enqueue('test')")


async def test_it_can_change_no_schema(least_url: str) -> None:
    with psycopg.connect(least_url) as connection:
        for statement in ("DROP TABLE stoker.job", "CREATE TABLE stoker.mine ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


async def test_a_role_without_rights_is_told_so(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE stoker_test_stranger LOGIN")
        try:
            url = postgres_url.replace("postgres@", "stoker_test_stranger@")
            with pytest.raises(BrokerRefused, match="rights"):
                async with connect(url) as broker:
                    await broker.enqueue([new_job()])
        finally:
            connection.execute("DROP ROLE stoker_test_stranger")
