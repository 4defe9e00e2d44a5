"""Recurring jobs: rows read and written whole, each if its revision stands."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stoker.brokers.instant import moment, stamp
from stoker.brokers.sqlite.enqueueing import enqueue
from stoker.brokers.sqlite.readers import Reading
from stoker.brokers.sqlite.transaction import Rows, Transaction
from stoker.jobs.codec import storable
from stoker.jobs.recurring import Change, Changed, Recurring, RecurringPage, Skip

_decode = msgspec.json.Decoder(Recurring).decode
_encode = msgspec.json.Encoder().encode


def recurring(
    reading: Reading,
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    limit: int,
    cursor: str | None,
) -> RecurringPage:
    """See `Timetable.recurring`."""
    now = moment(reading.now.wall)
    if ids is not None or names is not None:
        asked = _texts(ids), _texts(names)
        return RecurringPage(now=now, items=_rows(reading.rows(reading.sql.recurring_named, asked)))
    limit = max(0, limit)
    after = "" if cursor is None else storable(cursor)
    items = _rows(reading.rows(reading.sql.recurring_page, (after, limit + 1)))
    more = items[limit - 1].name if 0 < limit < len(items) else None
    return RecurringPage(now=now, items=items[:limit], next_cursor=more)


def count(reading: Reading) -> int:
    """See `Timetable.recurring_count`."""
    number: int = reading.rows("SELECT count(*) FROM stoker_recurring")[0][0]
    return number


def due(reading: Reading, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    now = reading.now.wall
    items = _rows(reading.rows(reading.sql.recurring_due, (now, max(0, limit))))
    later = reading.rows(reading.sql.recurring_next, (len(items),))
    return RecurringPage(now=moment(now), items=items, next_due=moment(later[0][0]) if later else None)


def change(tx: Transaction, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    return [_change_one(tx, each) for each in changes]


def _change_one(tx: Transaction, change: Change) -> Changed:
    _write(tx, change)
    if tx.cursor.rowcount != 1:
        return Changed(False)
    answers = enqueue(tx, change.jobs) if change.jobs else []
    for skip in change.skipped:
        _keep_skipped(tx, skip)
    return Changed(True, tuple(answers))


def _write(tx: Transaction, change: Change) -> None:
    row = change.row
    if row is None:
        tx.execute(tx.sql.recurring_remove, (change.id, change.expected))
        return
    due_at = None if row.due_at is None else stamp(row.due_at)
    body = _encode(row).decode()
    if change.expected:
        tx.execute(tx.sql.recurring_change, (change.id, change.expected, row.revision, due_at, body))
    else:
        tx.execute(tx.sql.recurring_add, (change.id, row.name, row.revision, due_at, body))


def _keep_skipped(tx: Transaction, skip: Skip) -> None:
    job = msgspec.structs.replace(skip.job, unique=None)
    told = set(tx.notes.ready)
    (answer,) = enqueue(tx, [job])
    tx.notes.ready = told  # what does not run is nobody's news
    if answer.created:
        ready = tx.rows("SELECT ready FROM stoker_job WHERE id = ?", (job.id,))[0][0]
        tx.execute(tx.sql.skip, (job.id, tx.now.wall, storable(skip.reason)))
        tx.count(job.queue, "ready" if ready else "delayed", -1)
        tx.count(job.queue, "skipped")


def _rows(rows: Rows) -> tuple[Recurring, ...]:
    return tuple(_decode(row[0]) for row in rows)


def _texts(values: Sequence[str] | None) -> Any:
    return _encode([storable(value) for value in values or ()]).decode()
