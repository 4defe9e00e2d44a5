"""The servers that are measured: started as the tests do it, but writing durably."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from redis import Redis

# The scripts of bench/ are no package, and what finds servers is the tests'.
sys.path.append(str(Path(__file__).parents[1]))
from tests.servers import postgres, redis

from stoker.daemon.measuring.stores import Files, Store, Stores
from stoker.daemon.measuring.usage import usage

ENGINES = ("sqlite", "postgres", "redis", "valkey")
POSTGRES = {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
REDIS = ("--appendonly", "yes", "--appendfsync", "everysec")
"""What Stoker advises to set, and what the peers were measured with."""
DATABASES = 16
"""That a server of Redis has if nobody says otherwise."""


@contextmanager
def stores(engine: str, folder: Path) -> Iterator[Stores]:
    """Empty stores of this engine, one after the other; the data of a started server in this folder."""
    if engine == "sqlite":
        yield Files(folder)
    elif engine == "postgres":
        with postgres.cluster(POSTGRES) as own, own.serving():
            yield PostgresStores(postgres.Databases(own.address), own.pid())
    else:
        with redis.server(engine, *REDIS) as own, own.serving() as process:
            yield RedisStores(own.address, process.pid)


class PostgresStores:
    """A database for each measure."""

    def __init__(self, databases: postgres.Databases, pid: int) -> None:
        self._databases = databases
        self._pid = pid

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Store]:
        with self._databases.new() as url:
            yield Store(url, lambda: _of_family(self._pid))


class RedisStores:
    """One of the server's databases for each measure, emptied after it."""

    def __init__(self, url: str, pid: int) -> None:
        self._server = url.rpartition("/")[0]
        self._pid = pid
        self._free = list(range(DATABASES))

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Store]:
        url = f"{self._server}/{(number := self._free.pop(0))}"
        try:
            yield Store(url, lambda: _of_one(self._pid))
        finally:
            with Redis.from_url(url) as client:
                client.flushdb(asynchronous=True)
            self._free.insert(0, number)


def _of_one(pid: int) -> float:
    used = usage(pid)
    return 0.0 if used is None else sum(used.cpu.values())


def _of_family(pid: int) -> float:
    """Of a process, its children, and those of them that have ended."""
    ended = sum(map(int, _stat(pid)[13:15])) / 100
    children = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return ended + sum(
        _of_one(each) for each in [pid, *children] if each == pid or _parent(each) == pid
    )


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except (OSError, IndexError):
        return 0


def _stat(pid: int) -> list[str]:
    """What stands behind the name, beginning with the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
