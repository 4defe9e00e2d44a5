"""What operators do: cancel, retry, pause; and what daemons say of themselves."""

from collections.abc import Sequence

import msgspec

from stoker.brokers.instant import Instant, moment
from stoker.brokers.keepable import text_or_none
from stoker.brokers.memory.store import Store
from stoker.jobs.codec import storable
from stoker.jobs.operating import CancelAnswer, Pause, RetryAnswer, TypeInfo, Worker
from stoker.jobs.state import FINAL, State


def cancel(store: Store, now: Instant, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
    """See `Operate.cancel`."""
    reason = text_or_none(reason)
    return [_cancel_one(store, now, id, reason) for id in ids]


def _cancel_one(store: Store, now: Instant, id: str, reason: str | None) -> CancelAnswer:
    record = store.jobs.get(id)
    if record is None:
        return CancelAnswer(id, "unknown")
    if record.state in FINAL:
        return CancelAnswer(id, "final")
    record.cancel_requested = True
    if record.state is State.RUNNING:
        if record.cancel_reason is None:
            record.cancel_reason = reason
        store.notes.cancelled.append(id)
        return CancelAnswer(id, "requested")
    record.cancel_reason = reason
    store.end_waiting(record, State.CANCELLED, reason, now)
    return CancelAnswer(id, "cancelled")


def retry(store: Store, now: Instant, ids: Sequence[str]) -> list[RetryAnswer]:
    """See `Operate.retry`."""
    return [_retry_one(store, now, id) for id in ids]


def _retry_one(store: Store, now: Instant, id: str) -> RetryAnswer:
    record = store.jobs.get(id)
    if record is None:
        return RetryAnswer(id, "unknown")
    if record.state not in FINAL:
        return RetryAnswer(id, "not_final")
    if record.unique_key is not None:
        holder = store.keys.holder(record.queue, record.unique_key, now.wall)
        if holder is not None and holder != id:
            return RetryAnswer(id, "unique_taken", holder)
        if holder is None:
            store.keys.hold(record)
    store.lift(record)
    record.state = State.PENDING
    record.ready = True
    record.scheduled_at = now.wall
    record.started_at = record.completed_at = record.expires_at = None
    record.worker = record.reason = record.error = record.result = None
    record.attempts = record.crashes = record.solo_deaths = record.returns = 0
    record.cancel_requested, record.cancel_reason = False, None
    record.progress = record.progress_message = None
    store.place(record)
    return RetryAnswer(id, "retried")


def pause(store: Store, now: Instant, pattern: str, reason: str | None) -> None:
    """See `Operate.pause`. Pausing again changes the reason, and not since when it is so."""
    pattern = storable(pattern)
    before = next((pause for pause in store.queues.pauses() if pause.pattern == pattern), None)
    since = moment(now.wall) if before is None else before.since
    store.queues.pause(Pause(pattern=pattern, reason=text_or_none(reason), since=since))
    store.notes.paused = True


def resume(store: Store, pattern: str) -> bool:
    """See `Operate.resume`."""
    was_there = store.queues.resume(storable(pattern))
    if was_there:
        store.notes.paused = True
    return was_there


def announce(store: Store, now: Instant, worker: Worker) -> None:
    """See `Crew.announce`."""
    store.workers[worker.name] = msgspec.structs.replace(worker, seen_at=moment(now.wall))


def depart(store: Store, name: str) -> None:
    """See `Crew.depart`."""
    store.workers.pop(name, None)


def publish(store: Store, types: Sequence[TypeInfo]) -> None:
    """See `Crew.publish`."""
    for each in types:
        # A copy: what a caller does to its mappings later is not what it has published.
        store.types[each.name] = msgspec.json.decode(msgspec.json.encode(each), type=TypeInfo)
