"""The same writes without a daemon: what SQLite itself allows, on the same schema, by the same SQL.

A hundred jobs are claimed and committed, then completed and committed, from one connection, with
nothing between: no tokens of others to look out for, no leases to renew, no handlers.
"""

import json
import secrets
import sqlite3
import time
from pathlib import Path

from stoker.brokers.connecting import connect
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.opening import open_writing
from stoker.brokers.sqlite.statements import statements
from stoker.client import Client
from stoker.daemon.measuring.handlers import DATA, QUEUE, noop
from stoker.daemon.measuring.measures import fill

BATCH = 100
_SQL = statements()
_TALLY = "INSERT INTO stoker_tally (queue, state, delta) VALUES (?, ?, ?)"


async def bare_loop(folder: Path, jobs: int) -> float:
    """Fill a database in this folder, and work it off; jobs per second."""
    database = folder / "bare.db"
    async with connect(f"sqlite:///{database}", create=True) as broker, Client(broker) as client:
        await fill(client, noop.bind(DATA), jobs)
    connection = open_writing(Address(database))
    try:
        return jobs / _seconds(connection.cursor())
    finally:
        connection.close()


def _seconds(cursor: sqlite3.Cursor) -> float:
    begin = time.perf_counter()
    while _turn(cursor):
        pass
    return time.perf_counter() - begin


def _turn(cursor: sqlite3.Cursor) -> int:
    token, now = secrets.token_hex(16), time.time_ns() // 1000
    cursor.execute("BEGIN IMMEDIATE")
    rows = cursor.execute(_SQL.claim_ready, (QUEUE, BATCH)).fetchall()
    numbers = json.dumps([row[0] for row in rows])
    cursor.execute(_SQL.claim_take, (token, now, "bare", now, numbers))
    _count(cursor, "ready", "running", len(rows))
    cursor.execute("COMMIT")
    completed = (token, "completed", 0, 1, 0, 0, 0, 0, now, now, None, None, b"null", None, None)
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute(_SQL.settle_alike, (numbers, *completed))
    _count(cursor, "running", "completed", len(rows))
    cursor.execute("COMMIT")
    return len(rows)


def _count(cursor: sqlite3.Cursor, before: str, after: str, jobs: int) -> None:
    cursor.executemany(_TALLY, [(QUEUE, before, -jobs), (QUEUE, after, jobs)])
