"""Jobs go in: idempotent by id and by unique key, all of a call or nothing."""

from collections.abc import Sequence
from typing import Any

from stoker.brokers.instant import Instant, micros, stamp
from stoker.brokers.sqlite.records import INLINE, text_of
from stoker.brokers.sqlite.transaction import Transaction
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Enqueued, Holding, NewJob

_LARGE = "INSERT OR REPLACE INTO stoker_large (job, kind, body) VALUES (?, ?, ?)"


def enqueue(tx: Transaction, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Write these jobs; see `Inbox.enqueue`."""
    if _plain(jobs) and not _tombstones(tx) and (answers := _all_new(tx, jobs)) is not None:
        return answers
    return [_one(tx, job) for job in jobs]


def _plain(jobs: Sequence[NewJob]) -> bool:
    return all(job.unique is None and len(job.payload) <= INLINE for job in jobs)


def _tombstones(tx: Transaction) -> bool:
    return bool(tx.rows("SELECT EXISTS (SELECT 1 FROM stoker_tombstone)")[0][0])


def _all_new(tx: Transaction, jobs: Sequence[NewJob]) -> list[Enqueued] | None:
    """The common case in one statement. None, and nothing written, if an id was known."""
    rows = [_row(job, tx.now) for job in jobs]
    tx.execute("SAVEPOINT stoker_enqueue")
    tx.executemany(tx.sql.enqueue, rows)
    if tx.cursor.rowcount != len(rows):
        tx.execute("ROLLBACK TO stoker_enqueue")
        tx.execute("RELEASE stoker_enqueue")
        return None
    tx.execute("RELEASE stoker_enqueue")
    for row in rows:
        _counted(tx, row)
    return [Enqueued(job.id, True) for job in jobs]


def _one(tx: Transaction, job: NewJob) -> Enqueued:
    known = tx.rows(
        "SELECT 1 FROM stoker_job WHERE id = ?1 "
        "UNION ALL SELECT 1 FROM stoker_tombstone WHERE id = ?1 AND until > ?2",
        (job.id, tx.now.wall),
    )
    if known:
        return Enqueued(job.id, False)
    if job.unique is not None and (holder := holder_of(tx, job.queue, job.unique.key)):
        return _taken(tx, job, job.unique, *holder)
    row = _row(job, tx.now)
    tx.execute(tx.sql.enqueue, row)
    seq = tx.cursor.lastrowid
    assert seq is not None
    _keep_large(tx, seq, job)
    if job.unique is not None:
        hold(tx, job.queue, job.unique.key, str(job.unique.scope), seq, job.id, tx.now.wall)
    _counted(tx, row)
    return Enqueued(job.id, True)


def holder_of(tx: Transaction, queue: str, key: str) -> tuple[int, str] | None:
    """Number and id of the job that holds this key now."""
    rows = tx.rows(
        "SELECT job, id FROM stoker_unique "
        "WHERE queue = ? AND key = ? AND (until IS NULL OR until > ?)",
        (queue, key, tx.now.wall),
    )
    return (rows[0][0], rows[0][1]) if rows else None


def hold(tx: Transaction, queue: str, key: str, scope: str, seq: int, id: str, created_at: int) -> None:
    """Give a free key to this job, for as long as the scope says."""
    until = None if scope in ("active", "waiting") else created_at + micros(float(scope))
    tx.execute(tx.sql.unique_hold, (queue, key, seq, id, until))


def _taken(tx: Transaction, job: NewJob, unique: Holding, seq: int, id: str) -> Enqueued:
    if unique.on_conflict == "error":
        raise UniqueConflict(unique.key, job.queue, id)
    if unique.on_conflict == "replace":
        _replace(tx, seq, id, job)
    return Enqueued(id, False)


def _replace(tx: Transaction, seq: int, id: str, job: NewJob) -> None:
    # By its id as well: the number of a pruned holder may be another job's by now.
    before = tx.rows(
        "SELECT state, ready FROM stoker_job "
        "WHERE seq = ? AND id = ? AND state IN ('pending', 'retrying')",
        (seq, id),
    )
    if not before:
        return  # it runs, or has ended: what it was given stays
    state, was_ready = before[0]
    row = _row(job, tx.now)
    _, _, ready, priority, _, scheduled_at, expires_at, max_attempts, type, timeout, tags, *_ = row
    limits = (priority, scheduled_at, expires_at, max_attempts, type, timeout, tags)
    tx.execute(
        tx.sql.enqueue_replace,
        (seq, state, ready, *limits, text_of(job.headers), row[15]),
    )
    tx.execute("DELETE FROM stoker_large WHERE job = ? AND kind = 'payload'", (seq,))
    _keep_large(tx, seq, job)
    if state == "pending" and ready != was_ready:
        tx.count(job.queue, "ready" if was_ready else "delayed", -1)
        tx.count(job.queue, "ready" if ready else "delayed", 1)
    if ready:
        tx.notes.ready.add(job.queue)


def _row(job: NewJob, now: Instant) -> tuple[Any, ...]:
    scheduled_at = now.wall + micros(job.delay) if job.at is None else stamp(job.at)
    payload = job.payload
    return (
        job.id,
        job.queue,
        1 if scheduled_at <= now.wall else 0,
        job.priority,
        now.wall,
        scheduled_at,
        None if job.expires is None else now.wall + micros(job.expires),
        job.max_attempts,
        job.type,
        job.timeout,
        text_of(job.tags),
        None if job.unique is None else job.unique.key,
        None if job.unique is None else str(job.unique.scope),
        job.recurring_id,
        text_of(job.headers),
        payload if len(payload) <= INLINE else None,
    )


def _keep_large(tx: Transaction, seq: int, job: NewJob) -> None:
    if len(job.payload) > INLINE:
        tx.execute(_LARGE, (seq, "payload", job.payload))


def keep_result(tx: Transaction, seq: int, result: bytes) -> None:
    """A result too large for its job's row."""
    tx.execute(_LARGE, (seq, "result", result))


def _counted(tx: Transaction, row: tuple[Any, ...]) -> None:
    queue, ready = row[1], row[2]
    if ready:
        tx.count(queue, "ready")
        tx.notes.ready.add(queue)
    else:
        tx.count(queue, "delayed")
