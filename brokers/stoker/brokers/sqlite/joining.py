"""Stoker's writes inside a caller's own transaction, on the caller's own sqlite3 connection.

The transaction is the caller's: nothing is begun while one is open, and nothing is committed or rolled
back. Three kinds of connection are met:

- `sqlite3.connect(path)` as Python makes it: sqlite3 itself begins a transaction before a statement
  that writes. If none is open yet it is begun here, in the same way, and `connection.commit()` ends it.
- `isolation_level=None` or `autocommit=True`: the caller says BEGIN; if it has not, this is refused,
  because the job would be there whatever became of the rest.
- `autocommit=False` (Python 3.12): a transaction is always open.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stoker.brokers.instant import HostClock
from stoker.brokers.sqlite.failures import foreign_errors_mapped
from stoker.brokers.sqlite.statements import Statements
from stoker.brokers.sqlite.transaction import Transaction
from stoker.jobs.errors import BrokerRefused, TransactionsUnsupported


@contextmanager
def joined(connection: Any, path: Path, clock: HostClock, sql: Statements) -> Iterator[Transaction]:
    """A transaction that is the caller's; an exception within undoes what was written here only.

    Raises TransactionsUnsupported if the connection is none of sqlite3's or not to this database,
    BrokerRefused if it has no transaction open, BrokerUnavailable if another connection is writing.
    """
    if not isinstance(connection, sqlite3.Connection):
        raise TransactionsUnsupported(
            f"a {type(connection).__module__}.{type(connection).__qualname__} cannot carry jobs of the "
            f"SQLite broker: give a sqlite3.Connection to {path}"
        )
    with foreign_errors_mapped(path), _texts_as_str(connection):
        cursor = connection.cursor()
        cursor.row_factory = None  # the caller's factory is for the caller's rows
        _refuse_foreign(cursor, path)
        # An automatic checkpoint at the caller's commit could meet one of the writer's: see checkpoint.
        cursor.execute("PRAGMA wal_autocheckpoint = 0")
        if not connection.in_transaction:
            _begin(connection, cursor)
        transaction = Transaction(cursor, clock.now(), sql)
        with transaction.savepoint():
            yield transaction
            transaction.write_counts()


@contextmanager
def _texts_as_str(connection: sqlite3.Connection) -> Iterator[None]:
    """What a caller has texts made into is for its own; a cursor has no factory of its own."""
    factory, connection.text_factory = connection.text_factory, str
    try:
        yield
    finally:
        connection.text_factory = factory


def _refuse_foreign(cursor: sqlite3.Cursor, path: Path) -> None:
    file = next((row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"), "")
    try:
        same = bool(file) and os.path.samefile(file, path)
    except OSError:
        same = False
    if not same:
        raise TransactionsUnsupported(
            f"the connection is to {file or 'a database in memory'}, and the jobs are in {path}: "
            "a transaction joins them only in the same file"
        )


def _begin(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    if connection.isolation_level is None or getattr(connection, "autocommit", None) is True:
        raise BrokerRefused(
            "the connection has no transaction open: begin one (connection.execute('BEGIN IMMEDIATE')) "
            "before enqueueing in it, or leave `connection=` out"
        )
    cursor.execute("BEGIN IMMEDIATE")
