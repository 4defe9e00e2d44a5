"""The Postgres broker: each verb handed to a connection, and its news to whoever listens."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from stoker.brokers.postgres import (
    claiming,
    claiming_few,
    enqueueing,
    looking,
    operating,
    reporting,
    settling,
    timetable,
    upkeep,
)
from stoker.brokers.postgres.address import Address, parse
from stoker.brokers.postgres.joining import joined
from stoker.brokers.postgres.opened import Opened
from stoker.brokers.postgres.session import Session
from stoker.brokers.postgres.statements import ServerTime, statements
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
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

T = TypeVar("T")

LONGEST_LEASE = 1e9
"""Seconds."""


class PostgresBroker:
    """Jobs in a Postgres database, for any number of hosts. See `Broker`."""

    capabilities = frozenset({"transactions", "hints"})

    def __init__(
        self,
        address: Address,
        *,
        create: bool = False,
        max_log_entries: int = 1000,
        offset: Offset | None = None,
    ) -> None:
        self._address = address
        self._create = create
        self._keep_lines = max_log_entries
        self._sql = statements()
        self._time = ServerTime(offset or Offset())
        self._dry = claiming_few.Dry()
        self._turns = claiming.Turns()
        self._floors = claiming.Floors()
        self._opened: Opened | None = None

    @classmethod
    def from_url(
        cls, url: str, *, relative_to: Path, create: bool, max_log_entries: int, offset: Offset
    ) -> Self:
        """Not yet entered. With `create`, entering it prepares the database. Raises BrokerRefused."""
        return cls(parse(url), create=create, max_log_entries=max_log_entries, offset=offset)

    async def __aenter__(self) -> Self:
        opened = Opened(self._address, self._sql, self._time)
        await opened.open(migrate=self._create)
        self._opened = opened
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def migrate(self) -> None:
        await self._open().migrate()

    def _open(self) -> Opened:
        if self._opened is None:
            raise BrokerUnavailable(
                f"{self._address.shown} is not open: enter the broker with `async with`"
            )
        return self._opened

    async def _do(self, verb: Callable[[Session], Awaitable[T]]) -> T:
        return await self._open().do(verb)

    # Inbox

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        opened = self._open()
        letter = opened.teller.lets_go_along()
        return await opened.do(lambda session: enqueueing.enqueue(session, jobs, letter=letter))

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
            lambda session: claiming_few.claim(
                session,
                self._dry,
                self._turns,
                self._floors,
                queues,
                limit,
                worker=worker,
                token=token,
                lease=min(lease, LONGEST_LEASE),
                lowest_first=lowest_first,
            )
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        if not settlements:
            return []
        return await self._do(lambda session: settling.settle(session, settlements, self._keep_lines))

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        if not held:
            return Renewal()
        return await self._do(lambda session: reporting.renew(session, held, min(lease, LONGEST_LEASE)))

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        if not reports:
            return frozenset()
        return await self._do(lambda session: reporting.report(session, reports, self._keep_lines))

    # Upkeep

    async def promote(self, limit: int) -> Promotion:
        return await self._do(lambda session: upkeep.promote(session, limit))

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        lease = min(lease, LONGEST_LEASE)
        return await self._do(
            lambda session: upkeep.reclaim(session, limit, token=token, lease=lease, worker=worker)
        )

    async def prune(self, retention: Retention, limit: int) -> int:
        return await self._open().do(lambda session: upkeep.prune(session, retention, limit), long=True)

    async def uptime(self) -> float:
        return float((await self._do(lambda session: session.rows(session.sql.uptime)))[0][0])

    # Operate

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        if not ids:
            return []
        return await self._do(lambda session: looking.get(session, ids))

    async def detail(self, id: str) -> JobDetail | None:
        return await self._do(lambda session: looking.detail(session, id))

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await self._do(lambda session: looking.find(session, query, limit, cursor))

    async def settled(self, id: str, timeout: float) -> Job | None:
        opened = self._open()

        async def look(id: str) -> Job | None:
            return await opened.do(lambda session: looking.awaited(session, id))

        return await opened.listening.settled(id, timeout, look)

    async def queues(self) -> list[QueueInfo]:
        return await self._do(looking.queues)

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]:
        if not ids:
            return []
        return await self._do(lambda session: operating.cancel(session, ids, reason))

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        if not ids:
            return []
        return await self._do(lambda session: operating.retry(session, ids))

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        await self._do(lambda session: operating.pause(session, pattern, reason))

    async def resume(self, pattern: str) -> bool:
        return await self._do(lambda session: operating.resume(session, pattern))

    async def pauses(self) -> list[Pause]:
        return await self._do(looking.pauses)

    # Timetable

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        return await self._do(lambda session: timetable.recurring(session, ids, names, limit, cursor))

    async def recurring_count(self) -> int:
        return await self._do(timetable.count)

    async def due(self, limit: int) -> RecurringPage:
        return await self._do(lambda session: timetable.due(session, limit))

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        if not changes:
            return []
        opened = self._open()
        letter = any(each.jobs for each in changes) and opened.teller.lets_go_along()
        return await opened.do(lambda session: timetable.change(session, changes, letter=letter))

    # Crew

    async def announce(self, worker: Worker) -> None:
        await self._do(lambda session: operating.announce(session, worker))

    async def depart(self, name: str) -> None:
        await self._do(lambda session: session.rows(session.sql.depart, name))

    async def workers(self) -> list[Worker]:
        return await self._do(looking.workers)

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        if types:
            await self._do(lambda session: operating.publish(session, types))

    async def types(self) -> dict[str, TypeInfo]:
        return await self._do(looking.types)

    # Transactional

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        async with joined(connection, self._sql, self._time, self._address.shown) as session:
            return await enqueueing.enqueue(session, jobs)

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        async with joined(connection, self._sql, self._time, self._address.shown) as session:
            verdicts = await settling.settle(session, [settlement], self._keep_lines, waits=True)
            return verdicts[0]

    def wakeups(self) -> AsyncIterator[Wakeup]:
        return self._open().listening.wakeups()
