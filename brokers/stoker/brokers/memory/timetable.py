"""Recurring jobs: rows by id, each written if its revision stands."""

from collections.abc import Sequence

from stoker.brokers.instant import Instant, moment
from stoker.brokers.memory.enqueueing import enqueue, is_known
from stoker.brokers.memory.record import record_of
from stoker.brokers.memory.store import Store
from stoker.jobs.codec import storable
from stoker.jobs.recurring import Change, Changed, RecurringPage, Skip
from stoker.jobs.state import State


def recurring(
    store: Store,
    now: Instant,
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    limit: int,
    cursor: str | None,
) -> RecurringPage:
    """See `Timetable.recurring`."""
    rows, here = store.recurring, moment(now.wall)
    if ids is not None or names is not None:
        asked = [*map(rows.get, ids or ()), *map(rows.named, names or ())]
        found = {row.name: row for row in asked if row is not None}
        return RecurringPage(now=here, items=tuple(found[name] for name in sorted(found)))
    limit = max(0, limit)
    items = rows.page(cursor, limit + 1)
    more = items[limit - 1].name if 0 < limit < len(items) else None
    return RecurringPage(now=here, items=tuple(items[:limit]), next_cursor=more)


def due(store: Store, now: Instant, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    here = moment(now.wall)
    items, later = store.recurring.due(here, max(0, limit))
    return RecurringPage(now=here, items=tuple(items), next_due=later)


def change(store: Store, now: Instant, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    return [_change_one(store, now, change) for change in changes]


def _change_one(store: Store, now: Instant, change: Change) -> Changed:
    if not _stands(store, change):
        return Changed(False)
    answers = enqueue(store, now, change.jobs)  # all that can fail comes before the row is touched
    if change.row is None:
        store.recurring.remove(change.id)
    else:
        store.recurring.put(change.row)
    for skip in change.skipped:
        _keep_skipped(store, now, skip)
    return Changed(True, tuple(answers))


def _stands(store: Store, change: Change) -> bool:
    row = store.recurring.get(change.id)
    if change.expected or change.row is None:
        return row is not None and row.revision == change.expected
    return row is None and store.recurring.named(change.row.name) is None


def _keep_skipped(store: Store, now: Instant, skip: Skip) -> None:
    if is_known(store, now, skip.job.id):
        return
    record = record_of(skip.job, now)
    record.state, record.reason, record.ready = State.SKIPPED, storable(skip.reason), False
    record.completed_at = now.wall
    record.unique_key = None
    store.add(record)
