"""What observers ask: jobs by id, lists of them, queues with their counts, workers, types."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from stoker.brokers.cursors import cursor_of, place_at
from stoker.brokers.instant import moment, stamp
from stoker.brokers.postgres.literals import plain, texts
from stoker.brokers.postgres.records import (
    BEGINNING,
    END,
    ended_since,
    is_id,
    job_of,
    known_ids,
    line_of,
    run_of,
)
from stoker.brokers.postgres.session import Rows, Session
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Counts, Page, Pause, Query, QueueInfo, TypeInfo, Worker
from stoker.jobs.patterns import matches
from stoker.jobs.state import FINAL, WAITING, State

EXAMINED = 2000
"""Records that one page looks at, at most, for a filter without an index."""
_LAST = 2**62
_COUNTS = (
    "ready",
    "delayed",
    "running",
    "retrying",
    "completed",
    "failed",
    "cancelled",
    "skipped",
    "pruned",
)


async def get(session: Session, ids: Sequence[str]) -> list[Job | None]:
    """See `Operate.get`."""
    asked = known_ids(ids)
    found: dict[str, Job] = {}
    if asked:
        found = await _found(session, asked, ended_since(asked))
        left = [id for id in asked if id not in found]
        if left:
            # An id may be of a later time than its job's end, if somebody made it so.
            found |= await _found(session, left, BEGINNING)
    return [found.get(id) for id in ids]


async def _found(session: Session, ids: Sequence[str], since: datetime) -> dict[str, Job]:
    return {row[0]: job_of(row) for row in await session.rows(session.sql.get, plain(ids), since)}


async def states_of(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """In which state these jobs are; unknown ones are missing."""
    rows = await session.rows(session.sql.standing, plain(ids), BEGINNING)
    return {row[0]: row[5] for row in rows}


async def awaited(session: Session, id: str) -> Job | None:
    """The job, whose end is told from now on."""
    if is_id(id):
        await session.rows(session.sql.wait_for, id)
    return (await get(session, [id]))[0]


async def detail(session: Session, id: str) -> JobDetail | None:
    """See `Operate.detail`."""
    if not is_id(id):
        return None
    (job,) = await get(session, [id])
    beside = await session.rows(session.sql.beside, id)
    if job is None or not beside:
        return None
    seq, dropped_logs, returns, solo_deaths, ready = beside[0]
    return JobDetail(
        job=job,
        history=tuple(map(run_of, await session.rows(session.sql.history, seq))),
        logs=tuple(map(line_of, await session.rows(session.sql.logs, seq))),
        dropped_logs=dropped_logs,
        returns=returns,
        solo_deaths=solo_deaths,
        ready=ready,
    )


async def find(session: Session, query: Query, limit: int, cursor: str | None) -> Page:
    """See `Operate.find`: one index for each state, merged; the other filters are tried on each."""
    limit = max(0, limit)
    narrowed = bool(query.types or query.queues or query.tags or query.finished_since)
    most = EXAMINED if narrowed else limit + 1
    rows = await _newest(session, query, most, cursor)
    ids: list[str] = []
    examined = 0
    for row in rows:
        if len(ids) == limit:
            break
        examined += 1
        if not narrowed or _fits(row, query):
            ids.append(row[2])
    went_on = examined < len(rows) or (narrowed and len(rows) == most)
    last = rows[examined - 1] if examined else None
    return Page(
        items=tuple(job for job in await get(session, ids) if job is not None),
        next_cursor=cursor_of(stamp(last[0]), last[1]) if went_on and last is not None else None,
        examined=examined,
    )


async def _newest(session: Session, query: Query, most: int, cursor: str | None) -> Rows:
    created_at, seq = _place(query, cursor)
    since = BEGINNING if query.since is None else query.since
    states = set(query.states or State)
    place = created_at, seq, since, most
    rows: list[tuple[Any, ...]] = []
    if waiting := states & WAITING:
        rows += await session.rows(session.sql.find_waiting, plain(sorted(waiting)), *place)
    if State.RUNNING in states:
        rows += await session.rows(session.sql.find_running, *place)
    if ended := states & FINAL:
        rows += await session.rows(session.sql.find_ended, plain(sorted(ended)), *place)
    rows.sort(key=lambda row: (row[0], row[1]), reverse=True)
    return rows[:most]


def _place(query: Query, cursor: str | None) -> tuple[datetime, int]:
    """Before which the page begins: a time and a number."""
    if cursor is None:
        return (END, _LAST) if query.until is None else (query.until, 0)
    created_at, seq = place_at(cursor)
    try:
        return moment(created_at), seq
    except OverflowError:
        raise InvalidFilter(f"cursor {cursor!r} is not one that a page has given") from None


def _fits(row: tuple[Any, ...], query: Query) -> bool:
    _, _, _, type, queue, tags, completed_at = row
    if query.types and not matches(type, query.types):
        return False
    if query.queues and not matches(queue, query.queues):
        return False
    if query.finished_since is not None and (
        completed_at is None or completed_at < query.finished_since
    ):
        return False
    return not query.tags or set(query.tags) <= set(tags or ())


async def queues(session: Session) -> list[QueueInfo]:
    """See `Operate.queues`."""
    counted = [
        Counts(queue=queue, **dict(zip(_COUNTS, counts, strict=True)))
        for queue, *counts in await session.rows(session.sql.tally_read)
    ]
    paused = await pauses(session)
    due = texts(each.queue for each in counted if each.ready or each.retrying)
    oldest: dict[str, datetime | None] = dict(await session.rows(session.sql.oldest_ready, due))
    return [
        QueueInfo(
            counts=counts, oldest_ready=oldest.get(counts.queue), pause=_pause_of(counts.queue, paused)
        )
        for counts in counted
    ]


def _pause_of(queue: str, paused: Sequence[Pause]) -> Pause | None:
    fitting = [pause for pause in paused if matches(queue, (pause.pattern,))]
    return next((pause for pause in fitting if pause.pattern == queue), fitting[0] if fitting else None)


async def pauses(session: Session) -> list[Pause]:
    """See `Operate.pauses`."""
    rows = await session.rows(session.sql.pauses)
    return [Pause(pattern=row[0], reason=row[1], since=row[2]) for row in rows]


async def workers(session: Session) -> list[Worker]:
    """See `Crew.workers`."""
    rows = await session.rows(session.sql.workers)
    return [
        msgspec.structs.replace(msgspec.json.decode(about, type=Worker), seen_at=seen_at)
        for about, seen_at in rows
    ]


async def types(session: Session) -> dict[str, TypeInfo]:
    """See `Crew.types`."""
    rows = await session.rows(session.sql.types)
    return {name: msgspec.json.decode(about, type=TypeInfo) for name, about in rows}
