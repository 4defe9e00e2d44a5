"""What observers ask: jobs by id, lists of them, queues with their counts, workers, types."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from stoker.brokers.cursors import cursor_of, place_at
from stoker.brokers.instant import moment, stamp
from stoker.brokers.sqlite.readers import Reading
from stoker.brokers.sqlite.records import ids_text, job_of, line_of, run_of, tags_of
from stoker.brokers.sqlite.transaction import Rows
from stoker.jobs.codec import storable
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Counts, Page, Pause, Query, QueueInfo, TypeInfo, Worker
from stoker.jobs.patterns import matches
from stoker.jobs.state import WAITING, State

EXAMINED = 2000
"""Records that one page looks at, at most, for a filter without an index."""
_LAST = 2**62


def get(reading: Reading, ids: Sequence[str]) -> list[Job | None]:
    """See `Operate.get`."""
    found = {row[1]: job_of(row[1:]) for row in reading.rows(reading.sql.get, (ids_text(ids),))}
    return [found.get(id) for id in ids]


def detail(reading: Reading, id: str) -> JobDetail | None:
    """See `Operate.detail`."""
    rows = reading.rows(reading.sql.detail, (storable(id),))
    job = get(reading, [id])[0]
    if not rows or job is None:
        return None
    seq, dropped_logs, returns, solo_deaths, ready, scheduled_at = rows[0]
    return JobDetail(
        job=job,
        history=tuple(map(run_of, reading.rows(reading.sql.history, (seq,)))),
        logs=tuple(map(line_of, reading.rows(reading.sql.logs, (seq,)))),
        dropped_logs=dropped_logs,
        returns=returns,
        solo_deaths=solo_deaths,
        ready=bool(ready) or (job.state in WAITING and scheduled_at <= reading.now.wall),
    )


def find(reading: Reading, query: Query, limit: int, cursor: str | None) -> Page:
    """See `Operate.find`: one index for each state, merged; the other filters are tried on each."""
    limit = max(0, limit)
    narrowed = bool(query.types or query.queues or query.tags or query.finished_since)
    most = EXAMINED if narrowed else limit + 1
    rows = _newest(reading, query, most, cursor)
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
        items=tuple(job for job in get(reading, ids) if job is not None),
        next_cursor=cursor_of(last[0], last[1]) if went_on and last is not None else None,
        examined=examined,
    )


def _newest(reading: Reading, query: Query, most: int, cursor: str | None) -> Rows:
    place = _place(query, cursor)
    since = -_LAST if query.since is None else stamp(query.since)
    rows: Rows = []
    for state in query.states or tuple(State):
        if state is State.RUNNING:
            rows += reading.rows(reading.sql.find_running, (*place, since, most))
        else:
            rows += reading.rows(reading.sql.find_state, (str(state), *place, since, most))
    rows.sort(reverse=True)
    return rows[:most]


def _place(query: Query, cursor: str | None) -> tuple[int, int]:
    """Before which the page begins: a time and a number."""
    if cursor is not None:
        return place_at(cursor)
    return (_LAST, _LAST) if query.until is None else (stamp(query.until), 0)


def _fits(row: tuple[Any, ...], query: Query) -> bool:
    _, _, _, type, queue, tags, completed_at = row
    if query.types and not matches(type, query.types):
        return False
    if query.queues and not matches(queue, query.queues):
        return False
    if query.finished_since is not None and (
        completed_at is None or completed_at < stamp(query.finished_since)
    ):
        return False
    return not query.tags or set(query.tags) <= set(tags_of(tags))


def queues(reading: Reading) -> list[QueueInfo]:
    """See `Operate.queues`."""
    counted: dict[str, dict[str, int]] = {}
    for queue, state, count in reading.rows(reading.sql.tally_read):
        counted.setdefault(queue, {})[state] = count
    paused = pauses(reading)
    return [
        QueueInfo(
            counts=Counts(queue=queue, **counts),
            oldest_ready=_oldest_ready(reading, queue) if _may_be_due(counts) else None,
            pause=_pause_of(queue, paused),
        )
        for queue, counts in sorted(counted.items())
    ]


def _may_be_due(counts: Mapping[str, int]) -> bool:
    return bool(counts.get("ready") or counts.get("retrying"))


def _oldest_ready(reading: Reading, queue: str) -> datetime | None:
    oldest = reading.rows(reading.sql.oldest_ready, (queue,))[0][0]
    return None if oldest is None else moment(oldest)


def _pause_of(queue: str, paused: Sequence[Pause]) -> Pause | None:
    fitting = [pause for pause in paused if matches(queue, (pause.pattern,))]
    return next((pause for pause in fitting if pause.pattern == queue), fitting[0] if fitting else None)


def pauses(reading: Reading) -> list[Pause]:
    """See `Operate.pauses`."""
    rows = reading.rows("SELECT pattern, reason, since FROM stoker_pause ORDER BY pattern")
    return [Pause(pattern=row[0], reason=row[1], since=moment(row[2])) for row in rows]


def workers(reading: Reading) -> list[Worker]:
    """See `Crew.workers`."""
    rows = reading.rows("SELECT about, seen_at FROM stoker_worker ORDER BY name")
    return [
        msgspec.structs.replace(msgspec.json.decode(about, type=Worker), seen_at=moment(seen_at))
        for about, seen_at in rows
    ]


def types(reading: Reading) -> dict[str, TypeInfo]:
    """See `Crew.types`."""
    rows = reading.rows("SELECT name, about FROM stoker_type ORDER BY name")
    return {name: msgspec.json.decode(about, type=TypeInfo) for name, about in rows}
