"""What operators do: cancel, retry, pause; and what daemons say of themselves."""

from collections.abc import Sequence

import msgspec

from stoker.brokers.keepable import text_or_none
from stoker.brokers.sqlite.claiming import waiting_count
from stoker.brokers.sqlite.enqueueing import hold, holder_of
from stoker.brokers.sqlite.transaction import Transaction
from stoker.jobs.codec import storable
from stoker.jobs.operating import CancelAnswer, RetryAnswer, TypeInfo, Worker
from stoker.jobs.state import WAITING


def cancel(tx: Transaction, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
    """See `Operate.cancel`."""
    reason = text_or_none(reason)
    return [_cancel_one(tx, id, reason) for id in ids]


def _cancel_one(tx: Transaction, id: str, reason: str | None) -> CancelAnswer:
    rows = tx.rows(
        "SELECT seq, queue, state, ready, unique_key FROM stoker_job WHERE id = ?", (storable(id),)
    )
    if not rows:
        return CancelAnswer(id, "unknown")
    seq, queue, state, ready, unique_key = rows[0]
    if state == "running":
        tx.execute(tx.sql.cancel_wish, (seq, reason))
        tx.notes.cancelled.append(id)
        return CancelAnswer(id, "requested")
    if state not in WAITING:
        return CancelAnswer(id, "final")
    tx.execute(tx.sql.cancel_waiting, (seq, tx.now.wall, reason))
    if unique_key is not None:
        tx.execute(tx.sql.unique_release, (queue, unique_key, seq))
    tx.count(queue, waiting_count(state, bool(ready)), -1)
    tx.count(queue, "cancelled")
    tx.notes.settled.append(id)
    return CancelAnswer(id, "cancelled")


def retry(tx: Transaction, ids: Sequence[str]) -> list[RetryAnswer]:
    """See `Operate.retry`."""
    return [_retry_one(tx, id) for id in ids]


def _retry_one(tx: Transaction, id: str) -> RetryAnswer:
    rows = tx.rows(
        "SELECT seq, queue, state, completed_at, created_at, unique_key, unique_scope "
        "FROM stoker_job WHERE id = ?",
        (storable(id),),
    )
    if not rows:
        return RetryAnswer(id, "unknown")
    seq, queue, state, completed_at, created_at, key, scope = rows[0]
    if completed_at is None:
        return RetryAnswer(id, "not_final")
    if key is not None:
        holder = holder_of(tx, queue, key)
        if holder is not None and holder[1] != id:
            return RetryAnswer(id, "unique_taken", holder[1])
        if holder is None:
            hold(tx, queue, key, scope, seq, id, created_at)
    tx.execute(tx.sql.retry, (seq, tx.now.wall))
    tx.execute("DELETE FROM stoker_large WHERE job = ? AND kind = 'result'", (seq,))
    tx.count(queue, state, -1)
    tx.count(queue, "ready")
    tx.notes.ready.add(queue)
    return RetryAnswer(id, "retried")


def pause(tx: Transaction, pattern: str, reason: str | None) -> None:
    """See `Operate.pause`."""
    tx.execute(
        "INSERT INTO stoker_pause (pattern, reason, since) VALUES (?, ?, ?) "
        "ON CONFLICT (pattern) DO UPDATE SET reason = excluded.reason",
        (storable(pattern), text_or_none(reason), tx.now.wall),
    )
    tx.notes.paused = True


def resume(tx: Transaction, pattern: str) -> bool:
    """See `Operate.resume`."""
    tx.execute("DELETE FROM stoker_pause WHERE pattern = ?", (storable(pattern),))
    was_there = tx.cursor.rowcount > 0
    if was_there:
        tx.notes.paused = True
    return was_there


def announce(tx: Transaction, worker: Worker) -> None:
    """See `Crew.announce`."""
    tx.execute(
        "INSERT INTO stoker_worker (name, seen_at, about) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, about = excluded.about",
        (worker.name, tx.now.wall, msgspec.json.encode(worker).decode()),
    )


def depart(tx: Transaction, name: str) -> None:
    """See `Crew.depart`."""
    tx.execute("DELETE FROM stoker_worker WHERE name = ?", (name,))


def publish(tx: Transaction, types: Sequence[TypeInfo]) -> None:
    """See `Crew.publish`."""
    tx.executemany(
        "INSERT INTO stoker_type (name, about) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET about = excluded.about",
        [(each.name, msgspec.json.encode(each).decode()) for each in types],
    )
