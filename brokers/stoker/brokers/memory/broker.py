"""The memory broker: each verb a function of the store."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from stoker.brokers.instant import SECOND, HostClock, micros
from stoker.brokers.memory import (
    claiming,
    enqueueing,
    looking,
    operating,
    reporting,
    settling,
    timetable,
    upkeep,
)
from stoker.brokers.memory.access import Access
from stoker.brokers.memory.store import Store
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, TransactionsUnsupported
from stoker.jobs.job import Claim, Enqueued, Held, Job, JobDetail, NewJob, Renewal, Report, Settlement
from stoker.jobs.operating import (
    CancelAnswer,
    Page,
    Pause,
    Promotion,
    Query,
    QueueInfo,
    Retention,
    RetryAnswer,
    TypeInfo,
    Verdict,
    Wakeup,
    Worker,
)
from stoker.jobs.patterns import QueueSet
from stoker.jobs.recurring import Change, Changed, RecurringPage


class MemoryBroker:
    """Jobs in this object, which end with it. See `Broker`.

    Every `connect("memory://")` gives a broker of its own, empty and private: who wants to share jobs
    shares the object. It may be used from several threads, each with its event loop, and entered by
    each of them: it is open until the last one has left, and keeps its jobs if it is entered again.
    """

    capabilities = frozenset({"hints"})

    def __init__(self, *, max_log_entries: int = 1000, clock: HostClock | None = None) -> None:
        clock = clock or HostClock(Offset())
        self._born = clock.now()
        self._access = Access(Store(max_log_entries), clock)
        self._do = self._access.do

    @classmethod
    def from_url(
        cls, url: str, *, relative_to: Path, create: bool, max_log_entries: int, offset: Offset
    ) -> Self:
        """A new, empty broker, not yet entered. Raises BrokerRefused for a URL that names something."""
        if url != "memory://":
            raise BrokerRefused(
                f"broker URL {url!r} says more than memory://, but a broker in memory has no name: "
                "each connection makes one of its own; to share it, share the broker object"
            )
        return cls(max_log_entries=max_log_entries, clock=HostClock(offset))

    async def __aenter__(self) -> Self:
        self._access.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._access.leave()

    async def migrate(self) -> None:
        """Nothing to prepare."""

    # Inbox

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        return await self._do(lambda store, now: enqueueing.enqueue(store, now, jobs))

    # Work

    async def claim(
        self,
        queues: QueueSet,
        limit: int,
        *,
        worker: str,
        token: str,
        lease: float,
        lowest_first: bool = False,
    ) -> list[Claim]:
        if limit <= 0:
            return []
        return await self._do(
            lambda store, now: claiming.claim(
                store,
                now,
                queues,
                limit,
                worker=worker,
                token=token,
                lease=micros(lease),
                lowest_first=lowest_first,
            )
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        if not settlements:
            return []
        return await self._do(lambda store, now: settling.settle(store, now, settlements))

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        if not held:
            return Renewal()
        return await self._do(lambda store, now: reporting.renew(store, now, held, micros(lease)))

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        if not reports:
            return frozenset()
        return await self._do(lambda store, _: reporting.report(store, reports))

    # Upkeep

    async def promote(self, limit: int) -> Promotion:
        return await self._do(lambda store, now: upkeep.promote(store, now, limit))

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        return await self._do(
            lambda store, now: upkeep.reclaim(
                store, now, limit, token=token, lease=micros(lease), worker=worker
            )
        )

    async def prune(self, retention: Retention, limit: int) -> int:
        return await self._do(lambda store, now: upkeep.prune(store, now, retention, limit))

    async def uptime(self) -> float:
        return await self._do(lambda _, now: (now.boot - self._born.boot) / SECOND)

    # Operate

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        if not ids:
            return []
        return await self._do(lambda store, _: looking.get(store, ids))

    async def detail(self, id: str) -> JobDetail | None:
        return await self._do(lambda store, now: looking.detail(store, now, id))

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await self._do(lambda store, _: looking.find(store, query, limit, cursor))

    async def settled(self, id: str, timeout: float) -> Job | None:
        return await self._access.settled(id, timeout)

    async def queues(self) -> list[QueueInfo]:
        return await self._do(lambda store, _: looking.queues(store))

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]:
        if not ids:
            return []
        return await self._do(lambda store, now: operating.cancel(store, now, ids, reason))

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        if not ids:
            return []
        return await self._do(lambda store, now: operating.retry(store, now, ids))

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        await self._do(lambda store, now: operating.pause(store, now, pattern, reason))

    async def resume(self, pattern: str) -> bool:
        return await self._do(lambda store, _: operating.resume(store, pattern))

    async def pauses(self) -> list[Pause]:
        return await self._do(lambda store, _: store.queues.pauses())

    # Timetable

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        return await self._do(
            lambda store, now: timetable.recurring(store, now, ids, names, limit, cursor)
        )

    async def recurring_count(self) -> int:
        return await self._do(lambda store, _: len(store.recurring))

    async def due(self, limit: int) -> RecurringPage:
        return await self._do(lambda store, now: timetable.due(store, now, limit))

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        if not changes:
            return []
        return await self._do(lambda store, now: timetable.change(store, now, changes))

    # Crew

    async def announce(self, worker: Worker) -> None:
        await self._do(lambda store, now: operating.announce(store, now, worker))

    async def depart(self, name: str) -> None:
        await self._do(lambda store, _: operating.depart(store, name))

    async def workers(self) -> list[Worker]:
        return await self._do(lambda store, _: looking.workers(store))

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        if types:
            await self._do(lambda store, _: operating.publish(store, types))

    async def types(self) -> dict[str, TypeInfo]:
        return await self._do(lambda store, _: looking.types(store))

    # Transactional

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
        _refuse(connection, "enqueue after your transaction has been committed")

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        _refuse(connection, "commit your transaction and let the handler return")

    def wakeups(self) -> AsyncIterator[Wakeup]:
        return self._access.wakeups()


def _refuse(connection: Any, instead: str) -> NoReturn:
    raise TransactionsUnsupported(
        f"jobs in memory cannot join a transaction of a {type(connection).__qualname__}: {instead}, or "
        "keep the jobs in the same database (sqlite:///… or postgresql://…)"
    )
