"""A small pool of threads that read, each with a connection that can do nothing else."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from stoker.brokers.instant import HostClock, Instant
from stoker.brokers.sqlite.failures import mapped
from stoker.brokers.sqlite.statements import Statements
from stoker.brokers.sqlite.transaction import Rows
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")

THREADS = 3


class Reading:
    """One consistent look at the database."""

    __slots__ = ("_cursor", "now", "sql")

    def __init__(self, cursor: sqlite3.Cursor, now: Instant, sql: Statements) -> None:
        self._cursor = cursor
        self.now = now
        self.sql = sql

    def rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> Rows:
        return self._cursor.execute(statement, parameters).fetchall()


class Readers:
    """Opened on first use; what a thread opened is closed at the end."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        clock: HostClock,
        sql: Statements,
    ) -> None:
        self._path = path
        self._connect = connect
        self._clock = clock
        self._sql = sql
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "stoker-sqlite-reader")

    async def read(self, operation: Callable[[Reading], T]) -> T:
        """Run this on a snapshot. Raises BrokerUnavailable or BrokerRefused."""
        if self._pool is None:
            raise BrokerUnavailable(f"the database {self._path} is not open")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._run, operation)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
        while self._opened:
            self._opened.pop().close()

    def _run(self, operation: Callable[[Reading], T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
                self._opened.append(connection)
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            try:
                return operation(Reading(cursor, self._clock.now(), self._sql))
            finally:
                cursor.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise mapped(error, self._path) from error
