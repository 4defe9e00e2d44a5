from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from .servers import pgbouncer, postgres, redis, redis_cluster


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio only: redis-py's asyncio client rules trio out."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[postgres.Databases]:
    """Databases of a real Postgres, which is found or started when the first test asks for it."""
    with postgres.databases() as databases:
        yield databases


@pytest.fixture(scope="session")
def empty_postgres(postgres_databases: postgres.Databases) -> Iterator[Callable[[], str]]:
    """Gives the address of a database with Stoker's schema, and nothing else in it."""
    with postgres.emptied(postgres_databases) as store:
        yield store.empty


@pytest.fixture
def postgres_url(empty_postgres: Callable[[], str]) -> str:
    """The address of a database with Stoker's schema, and no jobs in it."""
    return empty_postgres()


@pytest.fixture(scope="session")
def empty_redis() -> Iterator[Callable[[str], str]]:
    """Gives the address of a database of a real "redis" or "valkey" with nothing in it."""
    with redis.stores() as stores:
        yield stores.empty


@pytest.fixture(params=["redis", "valkey"])
def redis_url(request: pytest.FixtureRequest, empty_redis: Callable[[str], str]) -> str:
    """The address of a database with nothing in it: each test that asks is run on both engines."""
    return empty_redis(request.param)


@pytest.fixture(scope="session")
def redis_clusters() -> Iterator[redis_cluster.Clusters]:
    """Real clusters of "redis" or "valkey", each started when the first test asks for it."""
    with redis_cluster.clusters() as clusters:
        yield clusters


@pytest.fixture(params=["redis"])
def redis_cluster_url(request: pytest.FixtureRequest, redis_clusters: redis_cluster.Clusters) -> str:
    """The address of a cluster with nothing in it."""
    return redis_clusters.empty(request.param).address


@pytest.fixture
def own_postgres() -> Iterator[postgres.Cluster]:
    """A server of the test's own, not yet running, to be broken at will."""
    with postgres.cluster() as own:
        yield own


@pytest.fixture(params=["redis", "valkey"])
def new_redis(request: pytest.FixtureRequest) -> Callable[..., redis.NewServer]:
    """Gives servers of their own, with these settings, not yet running: one engine after the other."""
    return partial(redis.server, request.param)


@pytest.fixture(scope="session")
def new_server() -> Callable[..., AbstractContextManager[postgres.Cluster | redis.RedisServer]]:
    """Gives a server of its own, not yet running, of the engine of this name: to be broken at will."""

    def new(
        engine: str, *settings: str
    ) -> AbstractContextManager[postgres.Cluster | redis.RedisServer]:
        return postgres.cluster() if engine == "postgres" else redis.server(engine, *settings)

    return new


@pytest.fixture(scope="session")
def pooled_postgres() -> Callable[[str], AbstractContextManager[str]]:
    """Puts PgBouncer before the database of an address; skips, and says so, where there is none."""
    program = pgbouncer.program()
    if program is None:
        pytest.skip(f"there is no PgBouncer: set {pgbouncer.GIVEN}, or install it")
    return lambda address: pgbouncer.pooling(address, program)
