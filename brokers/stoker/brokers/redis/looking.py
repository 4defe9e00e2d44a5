"""What observers ask: jobs by id, lists of them, queues with their counts, workers, types."""

import re
from collections.abc import Sequence

import msgspec

from stoker.brokers.instant import moment, stamp
from stoker.brokers.redis.operating import TYPES
from stoker.brokers.redis.records import (
    Row,
    about_of,
    history_of,
    id_bytes,
    job_of,
    logs_of,
    pairs_of,
)
from stoker.brokers.redis.server import Server
from stoker.brokers.redis.shards import STORE
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Counts, Page, Pause, Query, QueueInfo, TypeInfo, Worker
from stoker.jobs.patterns import matches
from stoker.jobs.state import WAITING, State

AT_ONCE = 500
"""Records of one script: the server does nothing else meanwhile."""
EXAMINED = 2000
"""Records that one page looks at, at most, for a filter without an index."""
_LAST = 2**53
"""After every time, and still exact as a score."""
_CURSOR = re.compile(r"(-?[0-9]{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

Place = tuple[int, str]
"""Creation and id of a job: what lists are ordered by, the last first."""


async def get(server: Server, ids: Sequence[str]) -> list[Job | None]:
    """See `Operate.get`."""
    rows = await _rows(server, "get", ids)
    return [job_of(id, row) for id, row in zip(ids, rows, strict=True)]


async def _rows(server: Server, script: str, ids: Sequence[str]) -> Sequence[Row]:
    async def ask(shard: int, ids: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for begin in range(0, len(ids), AT_ONCE):
            some = map(id_bytes, ids[begin : begin + AT_ONCE])
            rows += await server.run(script, *some, shard=shard)
        return rows

    return await server.shards.parted(ids, str, ask)


async def detail(server: Server, id: str) -> JobDetail | None:
    """See `Operate.detail`."""
    now, row, beside, runs, logs = await server.run(
        "detail", id_bytes(id), shard=server.shards.of_id(id)
    )
    job = job_of(id, row)
    if job is None:
        return None
    entry, returns, solo_deaths, dropped_logs = beside
    waits = job.state in WAITING
    return JobDetail(
        job=job,
        history=history_of(runs),
        logs=logs_of(logs),
        dropped_logs=int(dropped_logs or 0),
        returns=int(returns or 0),
        solo_deaths=int(solo_deaths or 0),
        ready=waits and (entry is not None or job.scheduled_at <= moment(int(now))),
    )


async def find(server: Server, query: Query, limit: int, cursor: str | None) -> Page:
    """See `Operate.find`: a list for each state and shard, merged; other filters are tried on each."""
    limit = max(0, limit)
    narrowed = bool(query.types or query.queues or query.tags or query.finished_since)
    most = EXAMINED if narrowed else limit + 1
    places = await _newest(server, query, most, cursor)
    fitting = await _fitting(server, query, places) if narrowed else {id for _, id in places}
    ids: list[str] = []
    examined = 0
    for _, id in places:
        if len(ids) == limit:
            break
        examined += 1
        if id in fitting:
            ids.append(id)
    went_on = examined < len(places) or (narrowed and len(places) == most)
    return Page(
        items=tuple(job for job in await get(server, ids) if job is not None),
        next_cursor="{}.{}".format(*places[examined - 1]) if went_on and examined else None,
        examined=examined,
    )


async def _newest(server: Server, query: Query, most: int, cursor: str | None) -> list[Place]:
    created, id = _place(query, cursor)
    since = -_LAST if query.since is None else stamp(query.since)
    states = list(map(str, query.states or tuple(State)))
    shards = await server.shards.each(
        lambda shard: server.run("find", created, id, since, most, *states, shard=shard)
    )
    places = [
        (int(created), id.decode())
        for lists in shards
        for flat in lists
        for id, created in zip(flat[::2], flat[1::2], strict=True)
    ]
    places.sort(reverse=True)
    return places[:most]


def _place(query: Query, cursor: str | None) -> Place:
    """Before which the page begins."""
    if cursor is not None:
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise InvalidFilter(f"cursor {cursor!r} is not one that a page has given")
        return int(found[1]), found[2]
    return (_LAST if query.until is None else stamp(query.until)), ""


async def _fitting(server: Server, query: Query, places: Sequence[Place]) -> set[str]:
    ids = [id for _, id in places]
    rows = await _rows(server, "filter", ids)
    return {id for id, row in zip(ids, rows, strict=True) if _fits(row, query)}


def _fits(row: Row, query: Query) -> bool:
    about, queue, completed, state = row
    if state is None:
        return False
    known = about_of(about)
    if query.types and not matches(known.type, query.types):
        return False
    if query.queues and not matches(queue.decode(), query.queues):
        return False
    if query.finished_since is not None and (
        completed is None or int(completed) < stamp(query.finished_since)
    ):
        return False
    return set(query.tags) <= set(known.tags)


async def queues(server: Server) -> list[QueueInfo]:
    """See `Operate.queues`."""
    shards = await server.shards.each(lambda shard: server.run("queues", shard=shard))
    counted: dict[str, dict[str, int]] = {}
    ready_since: dict[str, int] = {}
    for counts, oldest, _ in shards:
        for field, number in pairs_of(counts).items():
            queue, name = field.split(" ")
            counted.setdefault(queue, {})[name] = int(number)
        ready_since |= {queue: int(first) for queue, first in pairs_of(oldest).items() if first}
    paused = _pauses_of(shards[STORE][2])
    return [
        QueueInfo(
            counts=Counts(queue=queue, **numbers),
            oldest_ready=moment(ready_since[queue]) if queue in ready_since else None,
            pause=_pause_of(queue, paused),
        )
        for queue, numbers in sorted(counted.items())
    ]


def _pause_of(queue: str, paused: Sequence[Pause]) -> Pause | None:
    fitting = [pause for pause in paused if matches(queue, (pause.pattern,))]
    return next((pause for pause in fitting if pause.pattern == queue), fitting[0] if fitting else None)


async def pauses(server: Server) -> list[Pause]:
    """See `Operate.pauses`."""
    return _pauses_of(await server.run("pauses"))


def _pauses_of(flat: Sequence[bytes]) -> list[Pause]:
    paused = []
    for pattern, kept in sorted(pairs_of(flat).items()):
        since, said, reason = kept.decode().partition(" ")
        paused.append(Pause(pattern=pattern, reason=reason if said else None, since=moment(int(since))))
    return paused


async def workers(server: Server) -> list[Worker]:
    """See `Crew.workers`."""
    rows, seen = map(pairs_of, await server.run("workers"))
    return [
        msgspec.structs.replace(
            msgspec.json.decode(about, type=Worker), seen_at=moment(int(float(seen[name])))
        )
        for name, about in sorted(rows.items())
        if name in seen
    ]


async def types(server: Server) -> dict[str, TypeInfo]:
    """See `Crew.types`."""
    kept = pairs_of(await server.command("HGETALL", server.key(TYPES)))
    named = {name: msgspec.json.decode(about, type=TypeInfo) for name, about in kept.items()}
    return dict(sorted(named.items()))
