"""Jobs go in: idempotent by id and by unique key, all of a call or nothing."""

from collections.abc import Sequence

from stoker.brokers.instant import Instant
from stoker.brokers.memory.keys import held_until
from stoker.brokers.memory.record import Record, record_of
from stoker.brokers.memory.store import Store
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Enqueued, NewJob
from stoker.jobs.state import WAITING


def enqueue(store: Store, now: Instant, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Keep these jobs; see `Inbox.enqueue`."""
    records = [record_of(job, now) for job in jobs]
    if any(job.unique is not None and job.unique.on_conflict == "error" for job in jobs):
        _refuse_conflicts(store, now, jobs)
    # From here on nothing fails: a list is taken as a whole or not at all.
    return [_one(store, now, job, record) for job, record in zip(jobs, records, strict=True)]


def _one(store: Store, now: Instant, job: NewJob, record: Record) -> Enqueued:
    if is_known(store, now, job.id):
        return Enqueued(job.id, False)
    if job.unique is not None:
        holder = store.keys.holder(job.queue, job.unique.key, now.wall)
        if holder is not None:
            if job.unique.on_conflict == "replace":
                _replace(store, holder, record)
            return Enqueued(holder, False)
        store.keys.hold(record)
    store.add(record)
    return Enqueued(job.id, True)


def is_known(store: Store, now: Instant, id: str) -> bool:
    """Whether this id is a job's, or was one's not long ago."""
    return id in store.jobs or store.tombstones.knows(id, now.wall)


def _refuse_conflicts(store: Store, now: Instant, jobs: Sequence[NewJob]) -> None:
    """Raise UniqueConflict if one of these jobs would meet it, those before it in the list included."""
    new: set[str] = set()
    held: dict[tuple[str, str], str] = {}
    for job in jobs:
        if job.id in new or is_known(store, now, job.id):
            continue
        if job.unique is not None:
            key = job.unique.key
            holder = held.get((job.queue, key)) or store.keys.holder(job.queue, key, now.wall)
            if holder is not None:
                if job.unique.on_conflict == "error":
                    raise UniqueConflict(key, job.queue, holder)
                continue
            until = held_until(job.unique.scope, now.wall)
            if until is None or until > now.wall:
                held[job.queue, key] = job.id
        new.add(job.id)


def _replace(store: Store, holder: str, new: Record) -> None:
    """Give a waiting job a newer one's content; its id, its age, its runs and its key stay."""
    record = store.jobs.get(holder)
    if record is None or record.state not in WAITING:
        return  # it runs, or has ended: what it was given stays
    store.lift(record)
    record.type = new.type
    record.priority = new.priority
    record.payload = new.payload
    record.ready = new.ready
    record.scheduled_at = new.scheduled_at
    record.expires_at = new.expires_at
    record.max_attempts = new.max_attempts
    record.timeout = new.timeout
    record.tags = new.tags
    record.headers = new.headers
    store.place(record)
