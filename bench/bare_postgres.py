"""What Postgres itself allows: the statements of a claim and of a settlement, on the same schema."""

import secrets
from typing import Any

import psycopg

from stoker.brokers.postgres.connecting import DIRECT
from stoker.brokers.postgres.literals import plain, texts
from stoker.brokers.postgres.statements import statements
from stoker.daemon.measuring.handlers import QUEUE

_SQL = statements()
_QUEUES = texts([QUEUE]), "", "^$", "^$", 9, 0, -1
_FROM_THE_BEGINNING = "{}", "{}", "{}"
LEASE, LINES = 15.0, 1000


def work_off(url: str, batch: int) -> None:
    """Everything that is ready in the database, so many jobs at a time."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        connection.execute(DIRECT, prepare=False)
        cursor = psycopg.RawCursor(connection)
        cursor.format = psycopg.pq.Format.BINARY
        while _turn(cursor, batch):
            pass


def _turn(cursor: "psycopg.RawCursor[Any]", batch: int) -> int:
    token = secrets.token_hex(16)
    claimed = (*_QUEUES, batch, token, "bare", LEASE, *_FROM_THE_BEGINNING)
    ids = sorted(row[0] for row in cursor.execute(_SQL.claim, claimed).fetchall())
    if ids:
        cursor.execute(_SQL.settle, (*_completed(ids, token), LINES)).fetchall()
    return len(ids)


def _completed(ids: list[str], token: str) -> tuple[str, ...]:
    none, nothing, one = (plain([word] * len(ids)) for word in ("NULL", 0, 1))
    return (
        plain(ids),
        plain([token] * len(ids)),
        plain(["completed"] * len(ids)),
        *(one, nothing, nothing, nothing),
        plain([True] * len(ids)),
        *(nothing, none, none),
        texts(["null"] * len(ids)),
        *(none, none, nothing, nothing),
    )
