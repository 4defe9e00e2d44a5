"""In a cluster: rows of recurring jobs that move from one shard to another, which no single step can.

A row is written at its new place, and then taken away from the old one. Until then there are two of one
name, of which the older one holds and the other does nothing, so that no slot gives two jobs. If the
mover dies in between, whoever next finds both due ends the move, when it has had `MOVES_WITHIN`. The
same goes for two that were written at once.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from stoker.brokers.redis import recurring_rows
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.server import Server
from stoker.jobs.recurring import Change, Changed, Recurring

MOVES_WITHIN = timedelta(minutes=1)
"""Much longer than any call of a mover takes."""


async def everywhere(server: Server, names: Sequence[str]) -> list[Recurring]:
    """All rows of these names: which shard has a name is not known."""
    pages = await server.shards.each(lambda shard: recurring_rows.named(server, (), names, shard))
    return [row for _, found in pages for row in found]


def holding(rows: Sequence[Recurring]) -> list[Recurring]:
    """Of each name the one that holds."""
    by_name: dict[str, Recurring] = {}
    for row in sorted(rows, key=_age):
        by_name.setdefault(row.name, row)
    return list(by_name.values())


def _age(row: Recurring) -> tuple[datetime, str]:
    return row.updated_at, row.id


async def held(
    server: Server, hints: Hints, rows: Sequence[Recurring], now: datetime
) -> list[Recurring]:
    """Of these due rows those that hold. Moves that were broken off are brought to their end."""
    found = await everywhere(server, sorted({row.name for row in rows})) if rows else []
    holders = {row.id for row in holding(found)}
    others = {row.name: row for row in found if row.id not in holders}
    over = [
        Change(id=row.id, expected=row.revision, row=None)
        for row in found
        if row.name in others and row.id in holders and now - others[row.name].updated_at > MOVES_WITHIN
    ]
    await _write(server, hints, over)
    return [row for row in rows if row.id in holders]


async def change(server: Server, hints: Hints, changes: Sequence[Change]) -> list[Changed]:
    """See `Timetable.change`."""
    changed: list[Changed] = []
    for step in _steps(changes):
        changed += await _step(server, hints, step)
    return changed


def _steps(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """What can be done shard by shard: of two new rows of one name the second comes after the first."""
    step: list[Change] = []
    names = set[str]()
    for each in changes:
        name = each.row.name if each.row is not None and each.expected == 0 else None
        if name in names:
            yield step
            step, names = [], set()
        step.append(each)
        if name is not None:
            names.add(name)
    if step:
        yield step


async def _step(server: Server, hints: Hints, changes: Sequence[Change]) -> list[Changed]:
    ends = _time() + MOVES_WITHIN.total_seconds() / 2
    moves, refused = await _moves(server, changes)
    later = {*refused, *moves.values()}
    now = [place for place in range(len(changes)) if place not in later]
    answers = dict.fromkeys(range(len(changes)), Changed(False))
    written = await _write(server, hints, [changes[place] for place in now])
    answers |= zip(now, written, strict=True)
    for new, old in moves.items():
        if answers[new].accepted and not await _left(server, hints, changes[old], changes[new], ends):
            answers[new] = Changed(False)
        answers[old] = Changed(answers[new].accepted)
    return list(answers.values())


async def _moves(server: Server, changes: Sequence[Change]) -> tuple[dict[int, int], set[int]]:
    """By their places: new rows with what is to go from another shard, and what cannot be done."""
    names = [each.row.name for each in changes if each.row is not None and each.expected == 0]
    found = await everywhere(server, names) if names else []
    moves, refused, going = dict[int, int](), set[int](), dict[tuple[str, int], int]()
    for place, each in enumerate(changes):
        if each.row is None:
            going[each.id, each.expected] = place
        elif each.expected == 0:
            here = server.shards.of_id(each.id)
            others = [
                (row.id, row.revision)
                for row in found
                if row.name == each.row.name and server.shards.of_id(row.id) != here
            ]
            if len(others) == 1 and others[0] in going:
                moves[place] = going[others[0]]
            elif others:  # nor may the row go that was to make room
                refused |= {place, *(going[each] for each in others if each in going)}
    return moves, refused


async def _left(server: Server, hints: Hints, old: Change, new: Change, ends: float) -> bool:
    """Take the row away from where it was; if somebody has changed it meanwhile, nothing has moved."""
    (gone,) = await _write(server, hints, [old])
    if gone.accepted:
        return True
    if _time() > ends and not await _of(server, old.id):
        return True  # somebody has taken this for a move that was broken off, and ended it
    if new.row is not None:
        await _write(server, hints, [Change(id=new.id, expected=new.row.revision, row=None)])
    return False


async def _of(server: Server, id: str) -> list[Recurring]:
    return (await recurring_rows.named(server, [id], (), server.shards.of_id(id)))[1]


def _time() -> float:
    return asyncio.get_running_loop().time()


async def _write(server: Server, hints: Hints, changes: Sequence[Change]) -> Sequence[Changed]:
    async def ask(shard: int, some: Sequence[Change]) -> list[Changed]:
        return await recurring_rows.write(server, hints, some, shard)

    return await server.shards.parted(changes, _id, ask)


def _id(change: Change) -> str:
    return change.id
