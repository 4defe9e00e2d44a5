"""What SQLite itself allows: the statements of a claim and of a settlement, on the same schema."""

import json
import secrets
import sqlite3
import time
from pathlib import Path

from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.opening import open_writing
from stoker.brokers.sqlite.statements import statements
from stoker.daemon.measuring.handlers import QUEUE

_SQL = statements()
_TALLY = "INSERT INTO stoker_tally (queue, state, delta) VALUES (?, ?, ?)"


def work_off(url: str, batch: int) -> None:
    """Everything that is ready in the database, so many jobs at a time."""
    connection = open_writing(Address(Path(url.removeprefix("sqlite:///"))))
    try:
        cursor = connection.cursor()
        while _turn(cursor, batch):
            pass
    finally:
        connection.close()


def _turn(cursor: sqlite3.Cursor, batch: int) -> int:
    token, now = secrets.token_hex(16), time.time_ns() // 1000
    cursor.execute("BEGIN IMMEDIATE")
    rows = cursor.execute(_SQL.claim_ready, (QUEUE, batch)).fetchall()
    numbers = json.dumps([row[0] for row in rows])
    cursor.execute(_SQL.claim_take, (token, now, "bare", now, numbers))
    _count(cursor, "ready", "running", len(rows))
    cursor.execute("COMMIT")
    completed = (token, "completed", 0, 1, 0, 0, 0, 1, 0, now, now, None, None, b"null", None, None)
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute(_SQL.settle_alike, (numbers, *completed))
    _count(cursor, "running", "completed", len(rows))
    cursor.execute("COMMIT")
    return len(rows)


def _count(cursor: sqlite3.Cursor, before: str, after: str, jobs: int) -> None:
    cursor.executemany(_TALLY, [(QUEUE, before, -jobs), (QUEUE, after, jobs)])
