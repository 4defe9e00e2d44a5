"""How rows of recurring jobs change when somebody says something about them: pure, row in, change out.

Slots up to a row's cursor are dealt with for good. Whatever makes the times of a row anew moves the
cursor to now, so that nothing is made up for a time when it was off, or was another schedule.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from stoker.jobs.errors import RecurringOwned
from stoker.jobs.recurring import Change, Owner, Recurring, Schedule, Seen, recurring_id

ALIVE = timedelta(minutes=3)
"""A version that has named a row within this time has living workers; they name it every minute."""
KEPT = timedelta(hours=24)
"""How long a row of code or configuration stays after its last worker has named it."""


class Declaration(msgspec.Struct, frozen=True):
    """What a worker's code or configuration says about one recurring job."""

    name: str
    schedule: Schedule
    owner: Owner
    service: str
    version: str


def added(row: Recurring | None, name: str, schedule: Schedule, now: datetime) -> list[Change]:
    """A client asks for a schedule of this name; over one of code or configuration it is an edit.

    No change if that is what holds already.
    """
    if row is None:
        return [_new(name, schedule, now)]
    if row.schedule == schedule:
        return []
    if row.owner == "client":
        return _rescheduled(row, now, declared=schedule)
    return _rescheduled(row, now, edited=None if schedule == row.declared else schedule)


def declared(row: Recurring | None, by: Declaration, now: datetime) -> list[Change]:
    """A worker names a row; no change if there is nothing to write.

    The newest version wins: a version is as new as when it first named the row, so that an old worker
    which starts again changes nothing while a newer one lives, and everything once none does.
    """
    if row is None:
        first = {by.version: Seen(now, now)}
        return [_new(by.name, by.schedule, now, **_said_by(by), versions=first)]
    versions = {
        version: seen
        for version, seen in row.versions.items()
        if version == by.version or now - seen.last < KEPT
    }
    known = versions.get(by.version)
    versions[by.version] = Seen(now if known is None else known.first, now)
    alive = {version: seen.first for version, seen in versions.items() if now - seen.last < ALIVE}
    fields: dict[str, Any] = {"versions": versions}
    if max(alive, key=alive.__getitem__) == by.version:
        fields |= _said_by(by)
        if row.owner == "client":
            fields["edited"] = row.declared  # what a client has said goes on, visibly
        changes = _rescheduled(row, now, declared=by.schedule, **fields)
        if changes:
            return changes
    fresh = known is not None and now - known.last < ALIVE / 3
    return [] if fresh else [_changed(row, now, updated_at=row.updated_at, **fields)]


def toggled(
    row: Recurring, enabled: bool, now: datetime, resumes_at: datetime | None = None
) -> list[Change]:
    """On, or off, for good or until `resumes_at`. Slots that pass while it is off are not made up."""
    if enabled == row.enabled and (enabled or resumes_at == row.resumes_at):
        return []
    if enabled:
        return [_changed(row, now, enabled=True, resumes_at=None, **_anew(row, now))]
    return [_changed(row, now, enabled=False, resumes_at=resumes_at, held=False)]


def reverted(row: Recurring, now: datetime) -> list[Change]:
    """What code or configuration says holds again."""
    return [] if row.edited is None else _rescheduled(row, now, edited=None)


def removed(row: Recurring) -> list[Change]:
    """A client's row goes. Raises RecurringOwned for others, which would come back."""
    if row.owner != "client":
        raise RecurringOwned(
            f"the schedule {row.name!r} is declared by the {row.owner} of service {row.service!r}, "
            "which would bring it back: switch it off, or take it out there"
        )
    return [Change(id=row.id, expected=row.revision, row=None)]


def lapsed(rows: Sequence[Recurring], now: datetime) -> list[Change]:
    """Of these, the rows of code and configuration that nobody has named for a day go."""
    return [
        Change(id=row.id, expected=row.revision, row=None)
        for row in rows
        if row.owner != "client" and row.seen_at is not None and now - row.seen_at > KEPT
    ]


def _new(name: str, schedule: Schedule, now: datetime, **fields: Any) -> Change:
    row = Recurring(
        id=recurring_id(name, schedule.queue),
        name=name,
        declared=schedule,
        cursor=now,
        created_at=now,
        updated_at=now,
        revision=1,
        **fields,
    )
    return Change(id=row.id, expected=0, row=row)


def _said_by(by: Declaration) -> dict[str, Any]:
    return {"owner": by.owner, "service": by.service, "version": by.version}


def _changed(row: Recurring, now: datetime, **fields: Any) -> Change:
    fields.setdefault("updated_at", now)
    new = msgspec.structs.replace(row, revision=row.revision + 1, **fields)
    return Change(id=row.id, expected=row.revision, row=new)


def _rescheduled(row: Recurring, now: datetime, **fields: Any) -> list[Change]:
    """The same row with another schedule; no change if that is the one it has."""
    new = msgspec.structs.replace(row, **fields)
    if new.declared == row.declared and new.edited == row.edited:
        return []
    if _times(new.schedule) != _times(row.schedule):
        fields |= _anew(row, now)
    if new.queue == row.queue:
        return [_changed(row, now, **fields)]
    # Its id leads to its queue's shard: with another queue it is another row, with the same past. Its
    # revisions go on: by one that was read before it moved here and back, nothing is written.
    id, revision = recurring_id(row.name, new.queue), row.revision + 1
    moved = msgspec.structs.replace(row, id=id, revision=revision, updated_at=now, **fields)
    return [
        Change(id=row.id, expected=row.revision, row=None),
        Change(id=moved.id, expected=0, row=moved),
    ]


def _times(schedule: Schedule) -> tuple[Any, ...]:
    return schedule.line, schedule.timezone, schedule.starts_at, schedule.ends_at


def _anew(row: Recurring, now: datetime) -> dict[str, Any]:
    """Its slots are counted from now on, but never from before its cursor."""
    return {
        "cursor": max(row.cursor, now),
        "planned": False,
        "next_at": None,
        "held": False,
        "trouble": None,
    }
