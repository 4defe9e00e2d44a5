"""How a recurring job is shown: as a row of a table, and as a document."""

from datetime import datetime
from typing import Any

import msgspec

from stoker.daemon.command_line.moments import absolute, relative
from stoker.daemon.command_line.printing import Column
from stoker.jobs.recurring import Recurring

COLUMNS = (
    Column("name"),
    Column("type"),
    Column("when"),
    Column("next"),
    Column("last slot"),
    Column("owner"),
    Column("overlap"),
    Column("catchup"),
    Column("note", gives_way=True),
)


def cells(row: Recurring, now: datetime) -> tuple[object, ...]:
    """The row of a table, under COLUMNS."""
    schedule = row.schedule
    zone = "" if schedule.timezone == "UTC" else f" {schedule.timezone}"
    return (
        row.name,
        schedule.type,
        schedule.line + zone,
        _next(row, now),
        absolute(row.last_slot),
        row.owner,
        schedule.overlap,
        schedule.catchup,
        _note(row),
    )


def _next(row: Recurring, now: datetime) -> str:
    if not row.enabled:
        return "off" if row.resumes_at is None else f"off, on again {relative(row.resumes_at, now)}"
    if not row.planned:
        return "soon"
    if row.held:
        return "waits for the earlier job"
    return "never" if row.next_at is None else relative(row.next_at, now)


def _note(row: Recurring) -> str:
    notes = []
    if row.trouble is not None:
        notes.append(row.trouble)
    if row.edited is not None:
        notes.append(f"edited over {row.declared.line}")
    if row.missed:
        notes.append(f"{row.missed} missed")
    return "; ".join(notes)


def document_of(row: Recurring) -> dict[str, Any]:
    """All of it, for programs; the schedule's fields are those that hold."""
    document: dict[str, Any] = {"id": row.id, "name": row.name}
    document |= {
        name: msgspec.to_builtins(getattr(row.schedule, name))
        for name in row.schedule.__struct_fields__
        if name != "payload"
    }
    document["payload"] = row.schedule.payload
    for name in ("owner", "service", "version", "enabled", "resumes_at", "next_at", "held"):
        document[name] = getattr(row, name)
    for name in ("last_job", "last_slot", "missed", "trouble", "created_at", "updated_at", "seen_at"):
        document[name] = getattr(row, name)
    document["edited"] = row.edited is not None
    return document
