"""The same writes without a daemon: what a store itself allows, by its bare driver.

A hundred jobs are claimed and committed, then completed and committed, over one connection, with
nothing between: no tokens of others to look out for, no leases to renew, no handlers.
"""

import time
from collections.abc import Callable, Mapping

import bare_postgres
import bare_redis
import bare_sqlite

from stoker.brokers.connecting import connect
from stoker.client import Client
from stoker.daemon.measuring.handlers import DATA, noop
from stoker.daemon.measuring.measures import fill
from stoker.daemon.measuring.stores import Store

BATCH = 100
WORK_OFF: Mapping[str, Callable[[str, int], None]] = {
    "sqlite": bare_sqlite.work_off,
    "postgres": bare_postgres.work_off,
    "redis": bare_redis.work_off,
    "valkey": bare_redis.work_off,
}


async def bare_loop(engine: str, store: Store, jobs: int) -> float:
    """Fill a store of this engine, and work it off; jobs per second."""
    async with connect(store.url, create=True) as broker, Client(broker) as client:
        await fill(client, noop.bind(DATA), jobs)
    begin = time.perf_counter()
    WORK_OFF[engine](store.url, BATCH)
    return jobs / (time.perf_counter() - begin)
