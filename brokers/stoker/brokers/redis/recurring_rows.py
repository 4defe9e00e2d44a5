"""Rows of recurring jobs in one shard: read and written whole, each if its revision stands."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from stoker.brokers.instant import moment, stamp
from stoker.brokers.redis.enqueueing import answer_of, arguments_of, checked
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.codec import storable
from stoker.jobs.recurring import Change, Changed, Recurring

AT_ONCE = 200
"""Rows and jobs of one script: the server does nothing else meanwhile."""
Read = tuple[datetime, list[Recurring]]
"""What time it was, and rows."""
_decode = msgspec.json.Decoder(Recurring).decode
_encode = msgspec.json.Encoder().encode


def read(now: bytes, bodies: Sequence[bytes | None]) -> Read:
    """What a script answers."""
    return moment(int(now)), [_decode(body) for body in bodies if body is not None]


async def first(server: Server, after: bytes, most: int, shard: int) -> Read:
    """The first rows behind this name."""
    rows: list[Recurring] = []
    while True:
        wanted = min(most - len(rows), AT_ONCE)
        now, bodies, after = await server.run("recurring_page", after, wanted, shard=shard)
        here, found = read(now, bodies)
        rows += found
        if not after or len(rows) >= most:
            return here, rows


async def named(server: Server, ids: Sequence[str], names: Sequence[str], shard: int) -> Read:
    """Those of these ids and names that are there."""
    wanted = [(id_bytes(id), True) for id in ids] + [(id_bytes(name), False) for name in names]
    rows: dict[str, Recurring] = {}
    for begin in range(0, len(wanted) or 1, AT_ONCE):
        some = wanted[begin : begin + AT_ONCE]
        words: list[Argument] = [sum(is_id for _, is_id in some), *(word for word, _ in some)]
        now, found = read(*await server.run("recurring_named", *words, shard=shard))
        rows |= {row.id: row for row in found}
    return now, list(rows.values())


async def write(server: Server, hints: Hints, changes: Sequence[Change], shard: int) -> list[Changed]:
    """See `Timetable.change`."""
    changed: list[Changed] = []
    for some in _parted(changes):
        jobs = [job for each in some for job in each.jobs]
        errors = any(job.unique is not None and job.unique.on_conflict == "error" for job in jobs)
        arguments: list[Argument] = [int(errors)]
        for each in some:
            arguments += _arguments(each)
        hint = bool(jobs) and hints.may_hint()
        queues, answers = checked(await server.run("change", *arguments, shard=shard, hint=hint))
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
