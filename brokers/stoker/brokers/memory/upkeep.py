"""The periodic rounds: what is due becomes ready, what was left is taken over, the old goes."""

from datetime import datetime

from stoker.brokers.instant import SECOND, Instant, micros, moment
from stoker.brokers.memory.record import Record, claim_of
from stoker.brokers.memory.store import Store
from stoker.jobs.job import Claim
from stoker.jobs.operating import Promotion, Retention
from stoker.jobs.state import State

REMEMBERED = 3600 * SECOND
"""How long after a job's end its id is still known, however soon retention takes the job."""
WORKER_KEPT = 24 * 3600 * SECOND


def promote(store: Store, now: Instant, limit: int) -> Promotion:
    """See `Upkeep.promote`."""
    expired = 0
    while expired < limit and (record := store.expiring.pop_until(now.wall)) is not None:
        record.expiry_entry = 0
        store.end_waiting(record, State.SKIPPED, "expired", now)
        expired += 1
    promoted = 0
    queues: set[str] = set()
    while promoted < limit and (record := store.delayed.pop_until(now.wall)) is not None:
        record.entry = 0
        store.lift(record)
        record.ready = True
        store.place(record)
        queues.add(record.queue)
        promoted += 1
    due = store.delayed.first_at()
    return Promotion(
        promoted=promoted,
        expired=expired,
        queues=tuple(sorted(queues)),
        next_due=None if due is None else max(0, due - now.wall) / SECOND,
        more=promoted >= limit or expired >= limit,
    )


def reclaim(
    store: Store, now: Instant, limit: int, *, token: str, lease: int, worker: str | None
) -> list[Claim]:
    """See `Upkeep.reclaim`. `lease` is in microseconds."""
    records = _expired(store, now, limit) if worker is None else _held_by(store, worker, limit)
    for record in records:
        record.token, record.taken_over = token, True
        record.lease_until = now.boot + lease
        record.entry = store.leases.push(record.lease_until, record)
    return [claim_of(record) for record in records]


def _expired(store: Store, now: Instant, limit: int) -> list[Record]:
    """Runs whose lease has ended, taken out of the heap."""
    found: list[Record] = []
    while len(found) < limit and (record := store.leases.pop_until(now.boot)) is not None:
        if record.lease_until <= now.boot:
            found.append(record)
        else:
            record.entry = store.leases.push(record.lease_until, record)
    return found


def _held_by(store: Store, worker: str, limit: int) -> list[Record]:
    """A worker's runs, taken out of the heap. Looks through all runs: workers seldom die."""
    found = [record for record in store.leases if record.worker == worker and not record.taken_over]
    found.sort(key=lambda record: record.lease_until)
    for record in found[:limit]:
        store.leases.discard(record.entry)
    return found[:limit]


def prune(store: Store, now: Instant, retention: Retention, limit: int) -> int:
    """See `Upkeep.prune`."""
    left = limit
    for state, keep in retention.items():
        ended = store.ended.get(str(state))
        if ended is None:
            continue
        if keep.age is not None:
            before = now.wall - micros(keep.age)
            while left > 0 and (record := ended.pop_until(before - 1)) is not None:
                _forget(store, now, record)
                left -= 1
        while left > 0 and keep.count is not None and len(ended) > keep.count:
            record = ended.pop()
            assert record is not None
            _forget(store, now, record)
            left -= 1
    store.tombstones.forget(now.wall)
    store.keys.forget(now.wall)
    _forget_workers(store, moment(now.wall - WORKER_KEPT))
    return limit - left


def _forget_workers(store: Store, before: datetime) -> None:
    for worker in list(store.workers.values()):
        if worker.seen_at is not None and worker.seen_at < before:
            del store.workers[worker.name]


def _forget(store: Store, now: Instant, record: Record) -> None:
    record.entry = 0
    store.remove(record)
    store.queues[record.queue].counts["pruned"] += 1
    store.notes.settled.append(record.id)
    assert record.completed_at is not None
    if record.completed_at + REMEMBERED > now.wall:
        store.tombstones.add(record.id, record.completed_at + REMEMBERED)
