from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.servers.redis_cluster import cluster

from .engines import CLUSTER, USUAL
from .stage import Stage
from .stores.cluster import ClusterStore
from .stores.postgres import OwnPostgres
from .stores.redis import SETTINGS, RedisStore
from .stores.sqlite import SqliteStore
from .stores.store import Store

NewStore = Callable[[str, Path], AbstractContextManager[Store]]
NewServer = Callable[..., AbstractContextManager[Any]]
CLUSTER_SETTINGS = (*SETTINGS, "--cluster-require-full-coverage", "no")


@pytest.fixture(scope="session")
def new_store(new_server: NewServer) -> Iterator[NewStore]:
    """Gives an empty store of an engine, for the test whose folder this is.

    A Redis or a Valkey is started for each; there is one Postgres, with a database for each.
    """
    with ExitStack() as running:
        started: list[OwnPostgres] = []

        def own_postgres() -> OwnPostgres:
            if not started:
                own = running.enter_context(
                    closing(OwnPostgres(running.enter_context(new_server("postgres"))))
                )
                own.start()
                started.append(own)
            return started[0]

        @contextmanager
        def new(engine: str, folder: Path) -> Iterator[Store]:
            if engine == "sqlite":
                yield SqliteStore(folder)
            elif engine == "postgres":
                with own_postgres().new_database() as store:
                    yield store
            elif engine == CLUSTER:
                with (
                    cluster("redis", *CLUSTER_SETTINGS) as nodes,
                    closing(ClusterStore(nodes)) as store,
                ):
                    yield store
            else:
                with new_server(engine, *SETTINGS) as server, closing(RedisStore(server)) as store:
                    store.start()
                    yield store

        yield new


@pytest.fixture
async def stage(
    request: pytest.FixtureRequest, tmp_path: Path, new_store: NewStore
) -> AsyncIterator[Stage]:
    """A folder with a store, SQLite unless the test says where it is to be tried.

    Whatever a test starts on it has ended when the test has.
    """
    with new_store(getattr(request, "param", USUAL), tmp_path) as store:
        async with Stage(tmp_path, store) as stage:
            yield stage
