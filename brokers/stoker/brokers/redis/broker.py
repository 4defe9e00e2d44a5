"""The Redis broker: each verb one script, or a few for a long list."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from stoker.brokers.redis import (
    claiming,
    enqueueing,
    looking,
    operating,
    reporting,
    settling,
    timetable,
    upkeep,
)
from stoker.brokers.redis.address import Address, parse
from stoker.brokers.redis.advice import warn_of_settings
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.migrating import check_schema, migrate
from stoker.brokers.redis.server import Server
from stoker.jobs.clock import Offset, SystemClock
from stoker.jobs.errors import TransactionsUnsupported
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


class RedisBroker:
    """Jobs in a Redis or Valkey server. Of one event loop. See `Broker`."""

    capabilities = frozenset({"hints"})

    def __init__(
        self, address: Address, *, max_log_entries: int = 1000, offset: Offset | None = None
    ) -> None:
        self._keep_lines = max_log_entries
        self._offset = offset or Offset()
        self._server = Server(address, self._offset)
        self._turns = claiming.Turns(self._server.shards)
        self._sweep = upkeep.Sweep(SystemClock())
        self._hints = Hints(self._server)
        self._tidied: Sequence[int] = [0] * self._server.shards.count

    @classmethod
    def from_url(
        cls, url: str, *, relative_to: Path, create: bool, max_log_entries: int, offset: Offset
    ) -> Self:
        """Not yet entered. Raises BrokerRefused for a URL that names no server."""
        return cls(parse(url), max_log_entries=max_log_entries, offset=offset)

    async def __aenter__(self) -> Self:
        await self._server.open()
        try:
            await check_schema(self._server)
            await warn_of_settings(self._server)
        except BaseException:
            await self._server.close()
            raise
        self._hints = Hints(self._server)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._hints.close()
        await self._server.close()

    async def migrate(self) -> None:
        await migrate(self._server)

    # Inbox

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        return await enqueueing.enqueue(self._server, self._hints, jobs)

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
        return await claiming.claim(
            self._server,
            self._turns,
            queues,
            limit,
            worker=worker,
            token=token,
            lease=lease,
            lowest_first=lowest_first,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        return await settling.settle(self._server, self._hints, settlements, self._keep_lines)

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        return await reporting.renew(self._server, held, lease)

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        return await reporting.report(self._server, reports, self._keep_lines)

    # Upkeep

    async def promote(self, limit: int) -> Promotion:
        return await upkeep.promote(self._server, self._hints, limit)

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        return await self._sweep.reclaim(self._server, limit, token=token, lease=lease, worker=worker)

    async def prune(self, retention: Retention, limit: int) -> int:
        self._tidied = await upkeep.tidy(self._server, self._tidied)
        return await upkeep.prune(self._server, retention, limit)

    async def uptime(self) -> float:
        infos = await self._server.info("server")
        return min(float(info["uptime_in_seconds"]) for info in infos.values())

    # Operate

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        return await looking.get(self._server, ids)

    async def detail(self, id: str) -> JobDetail | None:
        return await looking.detail(self._server, id)

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await looking.find(self._server, query, limit, cursor)

    async def settled(self, id: str, timeout: float) -> Job | None:
        return await self._hints.settled(id, timeout)

    async def queues(self) -> list[QueueInfo]:
        return await looking.queues(self._server)

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]:
        return await operating.cancel(self._server, ids, reason)

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        return await operating.retry(self._server, self._hints, ids)

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        await operating.pause(self._server, pattern, reason)

    async def resume(self, pattern: str) -> bool:
        return await operating.resume(self._server, pattern)

    async def pauses(self) -> list[Pause]:
        return await looking.pauses(self._server)

    # Timetable

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        return await timetable.recurring(self._server, ids, names, limit, cursor)

    async def recurring_count(self) -> int:
        return await timetable.count(self._server)

    async def due(self, limit: int) -> RecurringPage:
        return await timetable.due(self._server, self._hints, limit)

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        return await timetable.change(self._server, self._hints, changes)

    # Crew

    async def announce(self, worker: Worker) -> None:
        await operating.announce(self._server, worker)

    async def depart(self, name: str) -> None:
        await operating.depart(self._server, name)

    async def workers(self) -> list[Worker]:
        return await looking.workers(self._server)

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        if types:
            await operating.publish(self._server, types)

    async def types(self) -> dict[str, TypeInfo]:
        return await looking.types(self._server)

    # Transactional

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
        _refuse(connection, "enqueue after your transaction has been committed")

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        _refuse(connection, "commit your transaction and let the handler return")

    def wakeups(self) -> AsyncIterator[Wakeup]:
        return self._hints.wakeups()


def _refuse(connection: Any, instead: str) -> NoReturn:
    raise TransactionsUnsupported(
        f"jobs in Redis cannot join a transaction of a {type(connection).__qualname__}: {instead}, or "
        "keep the jobs in the same database (sqlite:///… or postgresql://…)"
    )
