"""The one thread that writes: whatever is waiting joins one transaction, and one fsync serves all.

Verbs are functions of a `Transaction`. A group runs without savepoints; if one of them fails, all of it
is rolled back and run again, each in a savepoint of its own, so that only the failing one fails.
Cancelling the coroutine that waits does not call back the write.

A write that means nothing once the host has lost its power, such as a claim (whoever held it is gone,
and the job may run again), need not be durable: a group of nothing else is committed without an fsync,
and the next one that has it makes both durable.
"""

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from stoker.brokers.instant import HostClock
from stoker.brokers.sqlite.checkpoint import IDLE_AFTER, Checkpointer
from stoker.brokers.sqlite.failures import BUSY, mapped, primary_code
from stoker.brokers.sqlite.requests import Group, Inbox, Operation, Request, answer, fail
from stoker.brokers.sqlite.statements import Statements
from stoker.brokers.sqlite.transaction import Notes, Transaction
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")

SHORTEST_WAIT, LONGEST_WAIT = 0.00005, 0.005
"""Seconds between tries for the write lock. SQLite's own busy handler would sleep for up to 100 ms."""
NORMAL = 1
"""SQLite's `synchronous` for commits that survive the end of the process, but not that of the host."""
OTHERS_LOOK = 0.05
"""Seconds between looks at whether other connections have written."""


class Tell:
    """What the writer tells others; all of it is called in the writer's thread."""

    def before_commit(self, notes: Notes) -> None:
        """These are about to become true: whoever looks now waits for the write lock until they are."""

    def after_commit(self, notes: Notes) -> None:
        """These have just become true."""

    def others_wrote(self) -> None:
        """Another connection has committed."""

    def flush(self) -> float | None:
        """Send what is due; seconds until the next is, None for nothing."""
        return None


class Writer:
    """Owns the writing connection, and all that happens on it."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        clock: HostClock,
        sql: Statements,
        tell: Tell,
    ) -> None:
        self._path = path
        self._connect = connect
        self._clock = clock
        self._sql = sql
        self._tell = tell
        self._inbox = Inbox()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._ended = False
        self._looked = 0.0
        self._worked = 0.0
        self._version = 0

    def start(self) -> None:
        """Connect, and begin. Raises what connecting raises."""
        connection, copier = self._connect(), self._connect()
        for each in connection, copier:
            each.execute("PRAGMA busy_timeout = 0")
        self._connection = connection
        self._copier = copier
        self._cursor = connection.cursor()
        self._full = self._synchronous = self._pragma("synchronous")
        self._checkpointer = Checkpointer(connection, copier)
        self._version = self._data_version()
        self._thread = threading.Thread(target=self._live, name="stoker-sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, operation: Operation[T], *, first: bool = False, durable: bool = True) -> T:
        """Run this within the next transaction; `first` goes before what else is waiting.

        What need not be `durable` is lost, if at all, only when the host loses its power.
        Raises what the operation raises, or BrokerUnavailable, or BrokerRefused.
        """
        if self._closing or self._thread is None:
            raise BrokerUnavailable(f"the database {self._path} is not open")
        request = Request(operation, first, durable)
        self._inbox.put(request)
        if self._ended:
            self._refuse_rest()
        return await request.future

    async def close(self) -> None:
        """Write what is waiting, bring the log home, and end."""
        thread, self._thread, self._closing = self._thread, None, True
        if thread is not None:
            self._inbox.end()
            await asyncio.to_thread(thread.join)

    def _live(self) -> None:
        try:
            while (group := self._next()) is not None:
                if group:
                    self._serve(group)
                else:
                    self._idle()
            if self._checkpointer.pending:
                self._checkpoint()
        finally:
            # Whoever puts a request in from now on finds that nobody will take it out.
            self._ended = True
            self._copier.close()
            self._connection.close()
            self._refuse_rest()

    def _next(self) -> Group | None:
        """What is waiting, after a wait; empty if nothing came, None at the end."""
        due = self._tell.flush()
        return self._inbox.take(OTHERS_LOOK if due is None else min(due, OTHERS_LOOK))

    def _serve(self, group: Group) -> None:
        try:
            if self._begin(group):
                group.sort(key=_others_later)
                if not self._run_together(group) and self._begin(group):
                    self._run_apart(group)
        except sqlite3.Error as error:
            fail(group, mapped(error, self._path))
        except BaseException as error:
            fail(group, error)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            answer(group)
        self._look_for_others()
        if self._checkpointer.due:
            self._checkpoint()

    def _begin(self, group: Group) -> bool:
        """Take the write lock; those whose deadline passes meanwhile fail. False if none is left."""
        wait = SHORTEST_WAIT
        while group:
            try:
                self._synchronize(any(request.durable for request in group))
                self._cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if primary_code(error) not in BUSY:
                    raise
                self._give_up_late(group, mapped(error, self._path))
                time.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 1.5, LONGEST_WAIT)
                self._inbox.join(group)
            else:
                return True
        return False

    def _synchronize(self, durable: bool) -> None:
        """Whether the next commit is pressed to the disk; it cannot be changed within a transaction."""
        level = self._full if durable else min(self._full, NORMAL)
        if level != self._synchronous:
            self._cursor.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level

    def _give_up_late(self, group: Group, error: BaseException) -> None:
        now = time.monotonic()
        late = [request for request in group if request.deadline <= now]
        if late:
            fail(late, error)
            answer(late)
            group[:] = [request for request in group if request.deadline > now]

    def _run_together(self, group: Group) -> bool:
        """All in one go; False, and nothing written, if one of several failed."""
        transaction = Transaction(self._cursor, self._clock.now(), self._sql)
        try:
            waiting = group
            while waiting:
                for request in waiting:
                    transaction.now = self._clock.now()
                    request.value = request.operation(transaction)
                waiting = self._latecomers(group)
            self._commit(transaction)
        except Exception as error:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
            if len(group) > 1:
                return False
            fail(group, mapped(error, self._path) if isinstance(error, sqlite3.Error) else error)
        else:
            self._committed(transaction.notes)
        return True

    def _latecomers(self, group: Group) -> Group:
        """What has come in meanwhile joins the group, renewals first; one fsync serves it as well."""
        before = len(group)
        self._inbox.join(group, durable=self._synchronous == self._full)
        group[before:] = late = sorted(group[before:], key=_others_later)
        return late

    def _run_apart(self, group: Group) -> None:
        """Each in a savepoint, so that one failing leaves the others standing."""
        transaction = Transaction(self._cursor, self._clock.now(), self._sql)
        for request in group:
            try:
                with transaction.savepoint():
                    request.value = request.operation(transaction)
            except Exception as error:
                if not self._connection.in_transaction:
                    raise  # SQLite itself has given the whole transaction up
                own = isinstance(error, sqlite3.Error)
                request.error = mapped(error, self._path) if own else error  # type: ignore[arg-type]
        self._commit(transaction)
        self._committed(transaction.notes)

    def _commit(self, transaction: Transaction) -> None:
        transaction.write_counts()
        self._tell.before_commit(transaction.notes)
        self._cursor.execute("COMMIT")

    def _committed(self, notes: Notes) -> None:
        self._worked = time.monotonic()
        self._checkpointer.committed()
        self._tell.after_commit(notes)

    def _idle(self) -> None:
        self._look_for_others()
        if self._checkpointer.pending and time.monotonic() - self._worked > IDLE_AFTER:
            self._checkpoint()

    def _look_for_others(self) -> None:
        now = time.monotonic()
        if now - self._looked < OTHERS_LOOK:
            return
        self._looked = now
        try:
            version = self._data_version()
        except sqlite3.Error:
            return  # whatever it is, the next write will say so
        if version != self._version:
            self._version = version
            self._checkpointer.others_committed()
            self._tell.others_wrote()

    def _data_version(self) -> int:
        return self._pragma("data_version")

    def _pragma(self, name: str) -> int:
        value: int = self._cursor.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def _checkpoint(self) -> None:
        try:
            self._checkpointer.run()
        except sqlite3.Error:
            return  # the log grows meanwhile; the next commit says what is wrong, if it persists

    def _refuse_rest(self) -> None:
        rest = self._inbox.rest()
        fail(rest, BrokerUnavailable(f"the writer of the database {self._path} has ended"))
        answer(rest)


def _others_later(request: Request[Any]) -> bool:
    return not request.first
