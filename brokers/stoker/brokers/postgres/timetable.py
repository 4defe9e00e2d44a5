"""Recurring jobs: rows read and written whole, each if its revision stands."""

from collections.abc import Iterator, Sequence

import msgspec

from stoker.brokers.postgres.enqueueing import enqueue
from stoker.brokers.postgres.literals import moments, plain, texts
from stoker.brokers.postgres.records import known_ids
from stoker.brokers.postgres.session import Rows, Session
from stoker.jobs.codec import storable
from stoker.jobs.job import Enqueued, NewJob
from stoker.jobs.recurring import Change, Changed, Recurring, RecurringPage, Skip

_decode = msgspec.json.Decoder(Recurring).decode
_encode = msgspec.json.Encoder().encode


async def recurring(
    session: Session,
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    limit: int,
    cursor: str | None,
) -> RecurringPage:
    """See `Timetable.recurring`."""
    if ids is not None or names is not None:
        asked = plain(known_ids(ids or ())), texts(map(storable, names or ()))
        rows = await session.rows(session.sql.recurring_named, *asked)
        return RecurringPage(now=rows[0][0], items=_items(rows))
    limit = max(0, limit)
    after = "" if cursor is None else storable(cursor)
    rows = await session.rows(session.sql.recurring_page, after, limit + 1)
    items = _items(rows)
    more = items[limit - 1].name if 0 < limit < len(items) else None
    return RecurringPage(now=rows[0][0], items=items[:limit], next_cursor=more)


async def count(session: Session) -> int:
    """See `Timetable.recurring_count`."""
    number: int = (await session.rows(session.sql.recurring_count))[0][0]
    return number


async def due(session: Session, limit: int) -> RecurringPage:
    """See `Timetable.due`."""
    limit = max(0, limit)
    rows = await session.rows(session.sql.due, limit)
    items = _items([(now, body) for now, _, body in rows])[:limit]
    others = rows[len(items) :]
    return RecurringPage(now=rows[0][0], items=items, next_due=others[0][1] if others else None)


def _items(rows: Rows) -> tuple[Recurring, ...]:
    return tuple(_decode(body) for _, body in rows if body is not None)


async def change(session: Session, changes: Sequence[Change], *, letter: bool = True) -> list[Changed]:
    """See `Timetable.change`: a few round trips, however many there are, and all in one transaction.

    So a row that moves to another queue, which is taken away and added, is never in between.
    """
    ids = [job.id for each in changes for job in each.jobs]
    ids += [skip.job.id for each in changes for skip in each.skipped]
    if not ids:
        return [Changed(accepted) for accepted in await _write(session, changes)]
    async with session.whole():
        if len(set(ids)) == len(ids):
            return await _at_once(session, changes, letter)
        # What comes of an id that several bring depends on their order.
        return [(await _at_once(session, [each], letter))[0] for each in changes]


async def _at_once(session: Session, changes: Sequence[Change], letter: bool) -> list[Changed]:
    written = await _write(session, changes)
    accepted = [each for each, stands in zip(changes, written, strict=True) if stands]
    jobs = [job for each in accepted for job in each.jobs]
    answers = iter(await enqueue(session, jobs, letter=letter) if jobs else ())
    await _keep_skipped(session, [skip for each in accepted for skip in each.skipped])
    return [
        Changed(stands, _taken(answers, each.jobs) if stands else ())
        for each, stands in zip(changes, written, strict=True)
    ]


async def _write(session: Session, changes: Sequence[Change]) -> list[bool]:
    rows = [each.row for each in changes]
    written = await session.rows(
        session.sql.change,
        plain(each.id for each in changes),
        texts(None if row is None else storable(row.name) for row in rows),
        plain(each.expected for each in changes),
        plain(0 if row is None else row.revision for row in rows),
        moments(None if row is None else row.due_at for row in rows),
        texts(None if row is None else _encode(row).decode() for row in rows),
    )
    return [accepted for (accepted,) in written]


async def _keep_skipped(session: Session, skipped: Sequence[Skip]) -> None:
    """Put these in as any job, and end the new ones: so each is in one place, whoever has its id."""
    if not skipped:
        return
    ready = set(session.notes.ready)
    jobs = [msgspec.structs.replace(skip.job, unique=None) for skip in skipped]
    answers = await enqueue(session, jobs, letter=False)
    session.notes.ready = ready  # what does not run is nobody's news
    reasons = {
        skip.job.id: storable(skip.reason)
        for skip, answer in zip(skipped, answers, strict=True)
        if answer.created
    }
    if reasons:
        ended = await session.rows(session.sql.skip, plain(reasons), texts(reasons.values()))
        session.notes.settled += [id for (id,) in ended]


def _taken(answers: Iterator[Enqueued], jobs: Sequence[NewJob]) -> tuple[Enqueued, ...]:
    return tuple(next(answers) for _ in jobs)
