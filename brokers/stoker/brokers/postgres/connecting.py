"""One connection is opened, and set up for what it is to run."""

from typing import Any

from psycopg import AsyncConnection

from stoker.brokers.postgres.wire import Wire

DIRECT = """
SET timezone = 'UTC'; SET jit = off; SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off; SET enable_bitmapscan = off;
SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""Statements meet few rows by index, whatever the statistics say: those of a table that was filled at
once say nothing. Behind a pooler they would be others'; there each statement is planned anew."""


async def connect(parameters: dict[str, str]) -> Wire:
    """A connection where every statement stands at once unless it says BEGIN."""
    connection = await AsyncConnection.connect(autocommit=True, prepare_threshold=None, **parameters)  # type: ignore[arg-type]
    try:
        pooled = await is_pooled(connection)
        if not pooled:
            await connection.execute(DIRECT)
    except BaseException:
        await connection.close()
        raise
    return Wire(connection, prepares=not pooled)


async def is_pooled(connection: AsyncConnection[Any]) -> bool:
    """Whether something lies in between that hands statements to backends as it likes."""
    cursor = await connection.execute("SELECT pg_backend_pid()")
    row = await cursor.fetchone()
    return row is None or row[0] != connection.info.backend_pid
