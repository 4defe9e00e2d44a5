"""Jobs go in: idempotent by id and by unique key, all of a call or nothing."""

import time
from collections.abc import Sequence
from typing import Any

from stoker.brokers.postgres.literals import moments, numbers, plain, texts
from stoker.brokers.postgres.records import ended_since, headers_text
from stoker.brokers.postgres.session import Rows, Session
from stoker.brokers.postgres.telling import letter_of_ready
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.ids import made_at
from stoker.jobs.job import Enqueued, NewJob

FRESH = 0.25
"""Seconds from the making of an id during which it is sent for the first time. Later it may be sent
again, and its job be about to end: the statement, which sees the store as it was when it began, would
wait for that and put the job in once more. So it is looked at again, in the same transaction."""


async def enqueue(session: Session, jobs: Sequence[NewJob], *, letter: bool = True) -> list[Enqueued]:
    """Write these jobs; see `Inbox.enqueue`. With `letter`, the statement tells that they are ready.

    Whoever is told looks at once, and so is let see the jobs while the disk still works. A claim comes
    after its job in the server's log, and is given when that log has been written: so is this answer.
    """
    ids = [job.id for job in jobs]
    if any(job.unique is not None for job in jobs) or len(set(ids)) < len(ids):
        async with session.whole():
            answers = await _one_by_one(session, jobs)
    else:
        answers = await _all_at_once(session, jobs, letter)
    if not all(each.created for each in answers):
        # Others have written them, and what they wrote is perhaps not yet on the disk.
        await session.rows(session.sql.flush)
    return answers


async def _all_at_once(session: Session, jobs: Sequence[NewJob], letter: bool) -> list[Enqueued]:
    # In the order of their ids, in which everybody takes them.
    ordered = sorted(jobs, key=_id)
    due = {job.queue for job in jobs if job.at is None and job.delay <= 0} if letter else set()
    told, ended = letter_of_ready(due), set[str]()
    if len(jobs) == 1 and _is_now(jobs[0]):
        rows = await _rows(session, session.sql.enqueue_now, *_values(jobs[0]), told)
    elif time.time() - made_at(ordered[0].id) < FRESH:
        since = ended_since([job.id for job in jobs])
        rows = await _rows(session, session.sql.enqueue, *_columns(ordered), since, told)
    else:
        since = ended_since([job.id for job in jobs])
        async with session.whole():
            rows = await session.rows(session.sql.enqueue, *_columns(ordered), since, told, False)
            put = plain(row[0] for row in rows)
            ended = {row[0] for row in await session.rows(session.sql.enqueue_undo, put, since)}
    session.notes.ready.update({queue for _, queue, ready, *_ in rows if ready and queue not in due})
    new = {row[0] for row in rows} - ended
    return [Enqueued(job.id, job.id in new) for job in jobs]


async def _rows(session: Session, statement: str, *values: object) -> Rows:
    """The last value is the letter."""
    if values[-1] is not None and session.ahead:
        return await session.rows_ahead(statement, *values, True)
    return await session.rows(statement, *values, False)


def _is_now(job: NewJob) -> bool:
    return job.unsent and job.at is None and job.delay <= 0 and job.recurring_id is None


def _id(job: NewJob) -> str:
    return job.id


async def _one_by_one(session: Session, jobs: Sequence[NewJob]) -> list[Enqueued]:
    rows = await session.rows(
        session.sql.put,
        *_columns(jobs),
        texts(None if job.unique is None else job.unique.key for job in jobs),
        texts(None if job.unique is None else str(job.unique.scope) for job in jobs),
        texts(None if job.unique is None else job.unique.on_conflict for job in jobs),
    )
    answers = []
    for job, (id, verdict, queue, ready) in zip(jobs, rows, strict=True):
        if verdict == "conflict" and job.unique is not None:
            raise UniqueConflict(job.unique.key, job.queue, id)
        if ready:
            session.notes.ready.add(queue)
        answers.append(Enqueued(id, verdict == "new"))
    return answers


def _values(job: NewJob) -> tuple[Any, ...]:
    return (
        job.id,
        job.type,
        job.queue,
        job.priority,
        job.expires,
        job.timeout,
        job.max_attempts,
        texts(job.tags) if job.tags else None,
        headers_text(job.headers),
        job.payload.decode(),
    )


def _columns(jobs: Sequence[NewJob]) -> tuple[Any, ...]:
    return (
        plain(job.id for job in jobs),
        plain(job.type for job in jobs),
        plain(job.queue for job in jobs),
        plain(job.priority for job in jobs),
        plain(job.delay for job in jobs),
        moments(job.at for job in jobs),
        numbers(job.expires for job in jobs),
        numbers(job.timeout for job in jobs),
        plain(job.max_attempts for job in jobs),
        texts(texts(job.tags) if job.tags else None for job in jobs),
        texts(job.recurring_id for job in jobs),
        texts(headers_text(job.headers) for job in jobs),
        texts(job.payload.decode() for job in jobs),
    )
