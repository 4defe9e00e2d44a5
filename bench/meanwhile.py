"""What others do to a database meanwhile: hold its vacuum back, keep transactions open, tidy up."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import psycopg
from loads import Backlog, jobs_of
from redis import Redis

from stoker.brokers.protocol import Broker
from stoker.daemon.measuring.stores import Store

LOOK = 0.1
"""Seconds between looks at whether Redis still writes its log anew."""
ROWS_LOCKED = 100
"""Jobs that an open transaction has enqueued."""


def leave_alone(engine: str, store: Store) -> None:
    """Nobody vacuums or analyzes the jobs until `put_in_order` does: else it were a matter of luck."""
    if engine == "postgres":
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("ALTER TABLE stoker.job SET (autovacuum_enabled = off)")


async def put_in_order(engine: str, store: Store) -> None:
    """What a store does for itself some time after a load: statistics, a vacuum, a log written anew."""
    if engine == "postgres":
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    elif engine == "sqlite":
        with closing(sqlite3.connect(_path(store))) as connection:
            connection.execute("ANALYZE")
    else:
        with Redis.from_url(store.url) as client:
            await _until_rewritten(client)


async def _until_rewritten(client: Redis) -> None:
    while True:
        found = client.info("persistence")
        if not found["aof_rewrite_in_progress"] and not found["aof_rewrite_scheduled"]:
            return
        await asyncio.sleep(LOOK)


@asynccontextmanager
async def snapshot(engine: str, store: Store) -> AsyncIterator[None]:
    """A transaction that reads, and sees the jobs as they are now.

    In Postgres no vacuum removes what dies from now on; in SQLite no checkpoint copies what is written.
    """
    if engine == "postgres":
        connection = await psycopg.AsyncConnection.connect(store.url)
        async with connection:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.execute("SELECT FROM stoker.job LIMIT 1")
            yield
    else:
        with closing(sqlite3.connect(_path(store))) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT seq FROM stoker_job LIMIT 1").fetchall()
            yield


@asynccontextmanager
async def open_enqueue(broker: Broker, store: Store) -> AsyncIterator[None]:
    """A Postgres transaction of a caller, which has enqueued jobs and goes on."""
    connection = await psycopg.AsyncConnection.connect(store.url)
    async with connection:
        await broker.enqueue_in(connection, list(jobs_of(Backlog(ROWS_LOCKED))))
        yield
        await connection.rollback()


def _path(store: Store) -> str:
    return store.url.removeprefix("sqlite:///")
