"""A broker that fails on command, around one that does not: for tests of those who call brokers."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

from stoker.brokers.faults import Faults
from stoker.brokers.protocol import Broker
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


class FaultyBroker:
    """Passes each call on to `inner`, with what its `faults` say is to befall it.

    Leaving it always works. Listening (`wakeups`) meets its faults when it begins and with each hint.
    """

    def __init__(self, inner: Broker, faults: Faults | None = None) -> None:
        self.capabilities = inner.capabilities
        self.faults = faults or Faults()
        self._inner = inner
        self._around = self.faults.around

    async def __aenter__(self) -> Self:
        await self._around("enter", self._inner.__aenter__)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._inner.__aexit__(kind, error, traceback)

    async def migrate(self) -> None:
        await self._around("migrate", self._inner.migrate)

    # Inbox

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        return await self._around("enqueue", lambda: self._inner.enqueue(jobs))

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
        return await self._around(
            "claim",
            lambda: self._inner.claim(
                queues, limit, worker=worker, token=token, lease=lease, lowest_first=lowest_first
            ),
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        return await self._around("settle", lambda: self._inner.settle(settlements))

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        return await self._around("renew", lambda: self._inner.renew(held, lease))

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        return await self._around("report", lambda: self._inner.report(reports))

    # Upkeep

    async def promote(self, limit: int) -> Promotion:
        return await self._around("promote", lambda: self._inner.promote(limit))

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        return await self._around(
            "reclaim", lambda: self._inner.reclaim(limit, token=token, lease=lease, worker=worker)
        )

    async def prune(self, retention: Retention, limit: int) -> int:
        return await self._around("prune", lambda: self._inner.prune(retention, limit))

    async def uptime(self) -> float:
        return await self._around("uptime", self._inner.uptime)

    # Operate

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        return await self._around("get", lambda: self._inner.get(ids))

    async def detail(self, id: str) -> JobDetail | None:
        return await self._around("detail", lambda: self._inner.detail(id))

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await self._around("find", lambda: self._inner.find(query, limit=limit, cursor=cursor))

    async def settled(self, id: str, timeout: float) -> Job | None:
        return await self._around("settled", lambda: self._inner.settled(id, timeout))

    async def queues(self) -> list[QueueInfo]:
        return await self._around("queues", self._inner.queues)

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]:
        return await self._around("cancel", lambda: self._inner.cancel(ids, reason))

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        return await self._around("retry", lambda: self._inner.retry(ids))

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        await self._around("pause", lambda: self._inner.pause(pattern, reason))

    async def resume(self, pattern: str) -> bool:
        return await self._around("resume", lambda: self._inner.resume(pattern))

    async def pauses(self) -> list[Pause]:
        return await self._around("pauses", self._inner.pauses)

    # Timetable

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        return await self._around(
            "recurring",
            lambda: self._inner.recurring(ids=ids, names=names, limit=limit, cursor=cursor),
        )

    async def recurring_count(self) -> int:
        return await self._around("recurring_count", self._inner.recurring_count)

    async def due(self, limit: int) -> RecurringPage:
        return await self._around("due", lambda: self._inner.due(limit))

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        return await self._around("change", lambda: self._inner.change(changes))

    # Crew

    async def announce(self, worker: Worker) -> None:
        await self._around("announce", lambda: self._inner.announce(worker))

    async def depart(self, name: str) -> None:
        await self._around("depart", lambda: self._inner.depart(name))

    async def workers(self) -> list[Worker]:
        return await self._around("workers", self._inner.workers)

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        await self._around("publish", lambda: self._inner.publish(types))

    async def types(self) -> dict[str, TypeInfo]:
        return await self._around("types", self._inner.types)

    # Transactional

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
        return await self._around("enqueue_in", lambda: self._inner.enqueue_in(connection, jobs))

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        return await self._around("settle_in", lambda: self._inner.settle_in(connection, settlement))

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        await self._around("wakeups", _nothing)
        hints = self._inner.wakeups()
        first = True
        try:
            async for wakeup in hints:
                if not first:
                    await self._around("wakeups", _nothing)
                if first or not self.faults.hints_lost:
                    yield wakeup
                first = False
        finally:
            if isinstance(hints, AsyncGenerator):
                await hints.aclose()


async def _nothing() -> None:
    pass
