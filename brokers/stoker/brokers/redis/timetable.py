"""Recurring jobs: rows read and written whole, each if its revision stands."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from stoker.brokers.instant import moment, stamp
from stoker.brokers.redis.enqueueing import answer_of, arguments_of, checked
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.server import SHARD, Argument, Server
from stoker.jobs.codec import storable
from stoker.jobs.recurring import Change, Changed, Recurring, RecurringPage

AT_ONCE = 200
"""Rows and jobs of one script: the server does nothing else meanwhile."""
NAMES = SHARD + b":recurring_names"
_decode = msgspec.json.Decoder(Recurring).decode
_encode = msgspec.json.Encoder().encode


async def recurring(
    server: Server,
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    limit: int,
    cursor: str | None,
) -> RecurringPage:
    """See `Timetable.recurring`."""
    if ids is not None or names is not None:
        return await _named(server, ids or (), names or ())
    limit = max(0, limit)
    rows: list[Recurring] = []
    after = b"" if cursor is None else id_bytes(cursor)
    while True:
        now, bodies, after = await server.run(
            "recurring_page", after, min(limit + 1 - len(rows), AT_ONCE)
        )
        here, found = _read(now, bodies)
        rows += found
        if not after or len(rows) > limit:
            more = rows[limit - 1].name if 0 < limit < len(rows) else None
            return RecurringPage(now=here, items=tuple(rows[:limit]), next_cursor=more)


async def _named(server: Server, ids: Sequence[str], names: Sequence[str]) -> RecurringPage:
    wanted = [(id_bytes(id), True) for id in ids] + [(id_bytes(name), False) for name in names]
    rows: dict[str, Recurring] = {}
    for begin in range(0, len(wanted) or 1, AT_ONCE):
        some = wanted[begin : begin + AT_ONCE]
        asked = [word for word, _ in some]
        now, found = _read(
            *await server.run("recurring_named", sum(is_id for _, is_id in some), *asked)
        )
        rows |= {row.id: row for row in found}
    return RecurringPage(now=now, items=tuple(sorted(rows.values(), key=_name)))


def _read(now: bytes, bodies: Sequence[bytes | None]) -> tuple[datetime, list[Recurring]]:
    return moment(int(now)), [_decode(body) for body in bodies if body is not None]


def _name(row: Recurring) -> str:
    return row.name


async def count(server: Server) -> int:
    """See `Timetable.recurring_count`."""
    number: int = await server.command("ZCARD", NAMES)
    return number


async def due(server: Server, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    now, bodies, later = await server.run("due", max(0, min(limit, AT_ONCE)))
    here, items = _read(now, bodies)
    return RecurringPage(now=here, items=tuple(items), next_due=moment(int(later)) if later else None)


async def change(server: Server, hints: Hints, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    changed: list[Changed] = []
    for some in _parted(changes):
        jobs = [job for each in some for job in each.jobs]
        errors = any(job.unique is not None and job.unique.on_conflict == "error" for job in jobs)
        arguments: list[Argument] = [int(errors)]
        for each in some:
            arguments += _arguments(each)
        hint = bool(jobs) and hints.may_hint()
        queues, answers = checked(await server.run("change", *arguments, hint=hint))
        hints.made_ready(queues, hinted=hint)
        changed += [
            Changed(False) if words is None else Changed(True, tuple(map(answer_of, words)))
            for words in answers
        ]
    return changed


def _parted(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """As many as go at once. A row that is taken away stays with what follows: it may be moving."""
    part: list[Change] = []
    weight = 0
    for each in changes:
        if weight >= AT_ONCE and part[-1].row is not None:
            yield part
            part, weight = [], 0
        part.append(each)
        weight += 1 + len(each.jobs) + len(each.skipped)
    if part:
        yield part


def _arguments(change: Change) -> list[Argument]:
    """One change as change.lua takes it."""
    row = change.row
    kept: tuple[Argument, ...] = ("", 0, "", "")
    if row is not None:
        due_at: Argument = "" if row.due_at is None else stamp(row.due_at)
        kept = (storable(row.name), row.revision, due_at, _encode(row))
    name, revision, when, body = kept
    arguments: list[Argument] = [change.id, name, change.expected, revision, when, body]
    arguments += (len(change.jobs), len(change.skipped))
    for job in change.jobs:
        arguments += arguments_of(job)
    for skip in change.skipped:
        arguments += (*arguments_of(skip.job), storable(skip.reason))
    return arguments
