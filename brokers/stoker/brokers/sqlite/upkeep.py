"""The periodic rounds: what is due becomes ready, what was left is taken over, the old goes."""

from stoker.brokers.instant import SECOND, micros, moment
from stoker.brokers.sqlite.claiming import skip
from stoker.brokers.sqlite.readers import Reading
from stoker.brokers.sqlite.records import claim_of
from stoker.brokers.sqlite.transaction import Rows, Transaction
from stoker.jobs.job import Claim
from stoker.jobs.operating import Keep, Promotion, Retention

_BEFORE_CLAIM = 4
"""Columns of `reclaim` before those of the claim: seq, wish and its reason, started_at."""
REMEMBERED = 3600 * SECOND
"""How long after a job's end its id is still known, however soon retention takes the job."""
WORKER_KEPT = 24 * 3600 * SECOND
FOLD_FROM = 1000
"""Rows of counts from which on they are folded."""
_GONE = (
    "DELETE FROM stoker_log WHERE job = ?",
    "DELETE FROM stoker_run WHERE job = ?",
    "DELETE FROM stoker_large WHERE job = ?",
)


def promote(tx: Transaction, limit: int) -> Promotion:
    """See `Upkeep.promote`."""
    expired = tx.rows(tx.sql.expire, (tx.now.wall, limit))
    for seq, queue, id, state, ready, unique_key in expired:
        skip(tx, seq, id, queue, state, bool(ready), unique_key)
    promoted = tx.rows(tx.sql.promote, (tx.now.wall, limit))
    for queue, state in promoted:
        if state == "pending":
            tx.count(queue, "delayed", -1)
            tx.count(queue, "ready")
        tx.notes.ready.add(queue)
    due = tx.rows(tx.sql.next_due)[0][0]
    if tx.rows(tx.sql.tally_size)[0][0] > FOLD_FROM:
        fold(tx)
    return Promotion(
        promoted=len(promoted),
        expired=len(expired),
        queues=tuple(sorted({row[0] for row in promoted})),
        next_due=None if due is None else max(0, due - tx.now.wall) / SECOND,
        more=len(promoted) >= limit or len(expired) >= limit,
    )


def reclaim(
    tx: Transaction, limit: int, *, asked: int, token: str, lease: int, worker: str | None
) -> list[Claim]:
    """See `Upkeep.reclaim`. `lease` is in microseconds, and so is `asked`, the boot's time of the call.

    Only what had expired by then is taken: while the call waits for the lock, nobody can renew.
    """
    if worker is None:
        rows = tx.rows(tx.sql.reclaim, (asked, limit))
    else:
        rows = tx.rows(tx.sql.reclaim_worker, (worker, limit))
    until = tx.now.boot + lease
    tx.executemany(tx.sql.reclaim_take, [(row[0], token, until) for row in rows])
    claims = []
    for row in rows:
        _, wish, reason, started_at = row[:_BEFORE_CLAIM]
        columns = row[_BEFORE_CLAIM:]
        cancel = bool(wish), reason
        claims.append(claim_of(columns, token, moment(started_at), attempts=columns[5], cancel=cancel))
    return claims


def is_from_boot(reading: Reading | Transaction, boot_id: str) -> bool:
    """Whether the leases in the store were given since this boot."""
    return bool(reading.rows("SELECT boot_id FROM stoker_schema")[0][0] == boot_id)


def recover_from_boot(tx: Transaction, boot_id: str) -> int:
    """After another boot every lease is over. Says how many there were."""
    if is_from_boot(tx, boot_id):
        return 0
    tx.execute("UPDATE stoker_schema SET boot_id = ?", (boot_id,))
    tx.execute("UPDATE stoker_job SET lease_until = 0 WHERE state = 'running'")
    return tx.cursor.rowcount


def prune(tx: Transaction, retention: Retention, limit: int) -> int:
    """See `Upkeep.prune`."""
    left = limit
    fold(tx)
    for state, keep in retention.items():
        if left > 0:
            left -= _prune_state(tx, str(state), keep, left)
    tx.execute("DELETE FROM stoker_tombstone WHERE until <= ?", (tx.now.wall,))
    tx.execute("DELETE FROM stoker_unique WHERE until <= ?", (tx.now.wall,))
    tx.execute("DELETE FROM stoker_worker WHERE seen_at < ?", (tx.now.wall - WORKER_KEPT,))
    return limit - left


def _prune_state(tx: Transaction, state: str, keep: Keep, limit: int) -> int:
    gone: Rows = []
    if keep.age is not None:
        gone = tx.rows(tx.sql.prune_aged, (state, tx.now.wall - micros(keep.age), limit))
        _delete(tx, state, gone)
    beyond: Rows = []
    if keep.count is not None and len(gone) < limit:
        kept = tx.rows("SELECT coalesce(sum(delta), 0) FROM stoker_tally WHERE state = ?", (state,))[0][
            0
        ]
        excess = kept - keep.count
        if excess > 0:
            beyond = tx.rows(tx.sql.prune_beyond, (state, min(excess, limit - len(gone))))
            _delete(tx, state, beyond)
    return len(gone) + len(beyond)


def _delete(tx: Transaction, state: str, rows: Rows) -> None:
    if not rows:
        return
    numbers = [(row[0],) for row in rows]
    for statement in _GONE:
        tx.executemany(statement, numbers)
    tx.executemany(tx.sql.prune_gone, numbers)
    remembered = []
    for _, id, queue, completed_at, _ in rows:
        tx.count(queue, state, -1)
        tx.count(queue, "pruned")
        if completed_at + REMEMBERED > tx.now.wall:
            remembered.append((id, completed_at + REMEMBERED))
    tx.executemany("INSERT OR REPLACE INTO stoker_tombstone (id, until) VALUES (?, ?)", remembered)
    tx.write_counts()


def fold(tx: Transaction) -> None:
    """Sum the appended counts up into one row for each queue and state."""
    tx.write_counts()
    for queue, state, delta in tx.rows(tx.sql.tally_fold):
        tx.count(queue, state, delta)
    tx.write_counts()
