"""Recurring jobs: what each shard has of them, as one list by name."""

from collections.abc import Sequence
from datetime import datetime

from stoker.brokers.instant import moment
from stoker.brokers.redis import moving, recurring_rows
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.recurring_rows import Read
from stoker.brokers.redis.server import Server
from stoker.brokers.redis.shards import STORE
from stoker.jobs.recurring import Change, Changed, Recurring, RecurringPage

NAMES = "recurring_names"


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
    after = b"" if cursor is None else id_bytes(cursor)
    pages = await server.shards.each(
        lambda shard: recurring_rows.first(server, after, limit + 1, shard)
    )
    now, rows = _merged(pages)
    more = rows[limit - 1].name if 0 < limit < len(rows) else None
    return RecurringPage(now=now, items=tuple(rows[:limit]), next_cursor=more)


async def _named(server: Server, ids: Sequence[str], names: Sequence[str]) -> RecurringPage:
    """Of a name it is not known which shard has it."""

    async def ask(shard: int) -> Read:
        here = [id for id in ids if server.shards.of_id(id) == shard]
        return await recurring_rows.named(server, here, names, shard)

    now, rows = _merged(await server.shards.each(ask))
    return RecurringPage(now=now, items=tuple(rows))


def _merged(pages: Sequence[Read]) -> Read:
    rows = moving.holding([row for _, found in pages for row in found])
    return _latest(pages), sorted(rows, key=_name)


def _latest(pages: Sequence[Read]) -> datetime:
    """By the clock that is ahead, what another has found to be due is due as well."""
    return max(now for now, _ in pages)


def _name(row: Recurring) -> str:
    return row.name


async def count(server: Server) -> int:
    """See `Timetable.recurring_count`."""
    return sum(
        await server.shards.each(
            lambda shard: server.command("ZCARD", server.key(NAMES, shard), shard=shard)
        )
    )


async def due(server: Server, hints: Hints, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    limit = max(0, min(limit, recurring_rows.AT_ONCE))
    found = await server.shards.each(lambda shard: server.run("due", limit, shard=shard))
    pages = [recurring_rows.read(now, bodies) for now, bodies, _ in found]
    now, rows = _latest(pages), [row for _, some in pages for row in some]
    times = [moment(int(later)) for _, _, later in found if later]
    if len(pages) > 1:
        rows = sorted(await moving.held(server, hints, rows, now), key=_due)
        times += [row.due_at for row in rows[limit:] if row.due_at is not None]
    return RecurringPage(now=now, items=tuple(rows[:limit]), next_due=min(times, default=None))


def _due(row: Recurring) -> tuple[datetime, str]:
    return row.due_at or row.cursor, row.id


async def change(server: Server, hints: Hints, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    if server.shards.count == 1:
        return await recurring_rows.write(server, hints, changes, STORE)
    return await moving.change(server, hints, changes)
