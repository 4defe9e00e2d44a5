"""What observers ask: jobs by id, lists of them, queues with their counts, workers, types."""

from collections.abc import Sequence
from itertools import islice

from stoker.brokers.cursors import cursor_of, place_at
from stoker.brokers.instant import Instant, moment, stamp
from stoker.brokers.memory.listing import Place, place_of
from stoker.brokers.memory.record import Record, detail_of, job_of
from stoker.brokers.memory.store import Store
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Counts, Page, Query, QueueInfo, TypeInfo, Worker
from stoker.jobs.patterns import matches
from stoker.jobs.state import State

EXAMINED = 2000
"""Records that one page looks at, at most, for a filter without an index."""
_LAST = 2**62


def get(store: Store, ids: Sequence[str]) -> list[Job | None]:
    """See `Operate.get`."""
    return [None if (record := store.jobs.get(id)) is None else job_of(record) for id in ids]


def detail(store: Store, now: Instant, id: str) -> JobDetail | None:
    """See `Operate.detail`."""
    record = store.jobs.get(id)
    return None if record is None else detail_of(record, now)


def find(store: Store, query: Query, limit: int, cursor: str | None) -> Page:
    """See `Operate.find`. States and times are found; the other filters are tried on each."""
    limit = max(0, limit)
    narrowed = bool(query.types or query.queues or query.tags or query.finished_since)
    most = EXAMINED if narrowed else limit + 1
    since = -_LAST if query.since is None else stamp(query.since)
    newest = store.listing.newest(_counted_under(query), _place(query, cursor), since)
    examined: list[Record] = []
    found: list[Record] = []
    went_on = False
    for record in islice(newest, most):
        if len(found) == limit:
            went_on = True
            break
        examined.append(record)
        if not narrowed or _fits(record, query):
            found.append(record)
    went_on = went_on or (narrowed and len(examined) == most)
    return Page(
        items=tuple(map(job_of, found)),
        next_cursor=cursor_of(*place_of(examined[-1])) if went_on and examined else None,
        examined=len(examined),
    )


def _counted_under(query: Query) -> set[str]:
    names = {str(state) for state in query.states or tuple(State)}
    if "pending" in names:
        names = names - {"pending"} | {"ready", "delayed"}
    return names


def _place(query: Query, cursor: str | None) -> Place:
    """Before which the page begins."""
    if cursor is not None:
        return place_at(cursor)
    return (_LAST, _LAST) if query.until is None else (stamp(query.until), 0)


def _fits(record: Record, query: Query) -> bool:
    if query.types and not matches(record.type, query.types):
        return False
    if query.queues and not matches(record.queue, query.queues):
        return False
    if query.finished_since is not None and (
        record.completed_at is None or record.completed_at < stamp(query.finished_since)
    ):
        return False
    return set(query.tags) <= set(record.tags)


def queues(store: Store) -> list[QueueInfo]:
    """See `Operate.queues`."""
    return [
        QueueInfo(
            counts=Counts(queue=queue.name, **queue.counts),
            oldest_ready=None if (oldest := queue.oldest_at()) is None else moment(oldest),
            pause=store.queues.pause_of(queue.name),
        )
        for queue in store.queues
    ]


def workers(store: Store) -> list[Worker]:
    """See `Crew.workers`."""
    return [store.workers[name] for name in sorted(store.workers)]


def types(store: Store) -> dict[str, TypeInfo]:
    """See `Crew.types`."""
    return {name: store.types[name] for name in sorted(store.types)}
