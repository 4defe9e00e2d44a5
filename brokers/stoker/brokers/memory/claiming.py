"""Ready jobs go out: queues take turns, and within a queue the order of its heaps is the order."""

from stoker.brokers.instant import Instant
from stoker.brokers.memory.queues import Queue
from stoker.brokers.memory.record import Record, claim_of
from stoker.brokers.memory.store import Store
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State

EXPIRED_AT_MOST = 5000
"""Expired jobs that one claim ends on its way, in each queue; `promote` ends the rest."""


def claim(
    store: Store,
    now: Instant,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: int,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`. `lease` is in microseconds."""
    taken: list[Claim] = []
    for queue in store.queues.in_turn(queues):
        before = len(taken)
        for record in _startable(store, now, queue, limit - before, lowest_first):
            _start(store, now, record, worker=worker, token=token, lease=lease)
            taken.append(claim_of(record))
        if len(taken) > before == 0:
            store.queues.began(queues, queue.name)
        if len(taken) == limit:
            break
    return taken


def _startable(
    store: Store, now: Instant, queue: Queue, limit: int, lowest_first: bool
) -> list[Record]:
    """The next jobs of this queue, taken out of it; those that have expired are ended."""
    found: list[Record] = []
    expired: list[Record] = []
    for record in queue.drain(lowest_first=lowest_first):
        if record.started_at is None and _past(record.expires_at, now):
            expired.append(record)
        else:
            found.append(record)
        if len(found) == limit or len(expired) == EXPIRED_AT_MOST:
            break
    store.queues.drained(queue)
    for record in expired:
        store.end_waiting(record, State.SKIPPED, "expired", now)
    return found


def _past(expires_at: int | None, now: Instant) -> bool:
    return expires_at is not None and expires_at <= now.wall


def _start(store: Store, now: Instant, record: Record, *, worker: str, token: str, lease: int) -> None:
    store.lift(record)
    if record.unique_scope == "waiting":
        store.keys.release(record)
    record.state = State.RUNNING
    record.ready = False
    record.token = token
    record.lease_until = now.boot + lease
    record.worker, record.taken_over = worker, False
    record.started_at = now.wall
    record.attempts += 1
    store.place(record)
