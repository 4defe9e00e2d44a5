"""What a verb works with while it writes: one cursor, one moment, and what is to be told afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stoker.brokers.instant import Instant
from stoker.brokers.sqlite.statements import Statements

Rows = list[tuple[Any, ...]]
_TALLY = "INSERT INTO stoker_tally (queue, state, delta) VALUES (?, ?, ?)"


class Notes:
    """What others may be told once the transaction stands."""

    __slots__ = ("cancelled", "paused", "ready", "settled")

    def __init__(self) -> None:
        self.ready: set[str] = set()
        """Queues that have newly ready jobs."""
        self.cancelled: list[str] = []
        """Running jobs that someone wishes to end."""
        self.settled: list[str] = []
        """Jobs that are final now."""
        self.paused = False
        """Pauses have changed."""

    def add(self, other: "Notes") -> None:
        self.ready |= other.ready
        self.cancelled += other.cancelled
        self.settled += other.settled
        self.paused |= other.paused


class Transaction:
    """An open write transaction, which whoever opened it will end.

    Verbs are functions of it. They run again from the start if the transaction is rolled back for a
    neighbour's sake, so they keep nothing but what they were given.
    """

    __slots__ = ("_tally", "cursor", "execute", "executemany", "notes", "now", "sql")

    def __init__(self, cursor: sqlite3.Cursor, now: Instant, sql: Statements) -> None:
        self.cursor = cursor
        self.execute = cursor.execute
        self.executemany = cursor.executemany
        self.now = now
        self.sql = sql
        self.notes = Notes()
        self._tally: dict[tuple[str, str], int] = {}

    def rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> Rows:
        return self.execute(statement, parameters).fetchall()

    def count(self, queue: str, state: str, delta: int = 1) -> None:
        """This many jobs more, or fewer, of a state; written at the end, summed up."""
        key = queue, state
        self._tally[key] = self._tally.get(key, 0) + delta

    def write_counts(self) -> None:
        """Append what `count` has gathered."""
        changes = [(queue, state, delta) for (queue, state), delta in self._tally.items() if delta]
        self._tally.clear()
        if changes:
            self.executemany(_TALLY, changes)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Within, an exception undoes what was written since; counts and notes as well."""
        tally, notes = dict(self._tally), self.notes
        self.notes = Notes()
        self.execute("SAVEPOINT stoker")
        try:
            yield
        except BaseException:
            self._tally, self.notes = tally, notes
            # After some errors, such as a full disk, SQLite has rolled all of it back by itself.
            if self.cursor.connection.in_transaction:
                self.execute("ROLLBACK TO stoker")
                self.execute("RELEASE stoker")
            raise
        self.execute("RELEASE stoker")
        notes.add(self.notes)
        self.notes = notes
