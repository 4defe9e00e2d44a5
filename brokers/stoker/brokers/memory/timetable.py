"""Recurring jobs: rows by id, each written if its revision stands."""

from collections.abc import Sequence

from stoker.brokers.instant import Instant, moment
from stoker.brokers.memory.enqueueing import enqueue, is_known
from stoker.brokers.memory.record import record_of
from stoker.brokers.memory.store import Store
from stoker.jobs.recurring import Change, Changed, Recurring, RecurringPage, Skip
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
    rows = sorted(store.recurring.values(), key=lambda row: row.name)
    if ids is not None or names is not None:
        wanted = {*(ids or ())}, {*(names or ())}
        found = [row for row in rows if row.id in wanted[0] or row.name in wanted[1]]
        return RecurringPage(now=moment(now.wall), items=tuple(found))
    rest = [row for row in rows if cursor is None or row.name > cursor]
    items = rest[: max(0, limit)]
    more = items[-1].name if items and len(rest) > len(items) else None
    return RecurringPage(now=moment(now.wall), items=tuple(items), next_cursor=more)


def due(store: Store, now: Instant, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    here = moment(now.wall)
    times = sorted((at, row.id) for row in store.recurring.values() if (at := row.due_at) is not None)
    taken = [id for at, id in times[: max(0, limit)] if at <= here]
    return RecurringPage(
        now=here,
        items=tuple(store.recurring[id] for id in taken),
        next_due=times[len(taken)][0] if len(taken) < len(times) else None,
    )


def change(store: Store, now: Instant, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    return [_change_one(store, now, change) for change in changes]


def _change_one(store: Store, now: Instant, change: Change) -> Changed:
    if not _stands(store, change):
        return Changed(False)
    answers = enqueue(store, now, change.jobs)  # all that can fail comes before the row is touched
    if change.row is None:
        del store.recurring[change.id]
    else:
        store.recurring[change.id] = change.row
    for skip in change.skipped:
        _keep_skipped(store, now, skip)
    return Changed(True, tuple(answers))


def _stands(store: Store, change: Change) -> bool:
    row: Recurring | None = store.recurring.get(change.id)
    if change.expected:
        return row is not None and row.revision == change.expected
    name = change.row.name if change.row is not None else None
    return row is None and all(each.name != name for each in store.recurring.values())


def _keep_skipped(store: Store, now: Instant, skip: Skip) -> None:
    if is_known(store, now, skip.job.id):
        return
    record = record_of(skip.job, now)
    record.state, record.reason, record.ready = State.SKIPPED, skip.reason, False
    record.completed_at = now.wall
    record.unique_key = None
    store.add(record)
