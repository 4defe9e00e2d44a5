"""The SQLite broker: each verb handed to the thread that writes, or to one that reads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from stoker.brokers.instant import HostClock, micros
from stoker.brokers.sqlite import (
    claiming,
    enqueueing,
    looking,
    operating,
    reporting,
    settling,
    timetable,
    upkeep,
)
from stoker.brokers.sqlite.address import Address, parse
from stoker.brokers.sqlite.joining import joined
from stoker.brokers.sqlite.migrating import migrate
from stoker.brokers.sqlite.opened import Opened
from stoker.brokers.sqlite.opening import open_writing, prepare_file
from stoker.brokers.sqlite.readers import Reading
from stoker.brokers.sqlite.statements import statements
from stoker.brokers.sqlite.transaction import Transaction
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


class SqliteBroker:
    """Jobs in a file on this host, for any number of its processes. See `Broker`."""

    capabilities = frozenset({"transactions", "hints"})

    def __init__(
        self,
        address: Address,
        *,
        create: bool = False,
        max_log_entries: int = 1000,
        clock: HostClock | None = None,
    ) -> None:
        self._address = address
        self._create = create
        self._keep_lines = max_log_entries
        self._clock = clock or HostClock(Offset())
        self._sql = statements()
        self._turns = claiming.Turns()
        self._opened: Opened | None = None

    @classmethod
    def from_url(
        cls, url: str, *, relative_to: Path, create: bool, max_log_entries: int, offset: Offset
    ) -> Self:
        """Not yet entered. Raises BrokerRefused for a URL that names no file."""
        return cls(
            parse(url, relative_to),
            create=create,
            max_log_entries=max_log_entries,
            clock=HostClock(offset),
        )

    @property
    def path(self) -> Path:
        """The database, as an absolute path."""
        return self._address.path

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._prepare)
        self._opened = await Opened(self._address, self._clock, self._sql).open()
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

    def _prepare(self) -> None:
        prepare_file(self._address, create=self._create)
        connection = open_writing(self._address)
        try:
            migrate(connection, self.path)
        finally:
            connection.close()

    async def migrate(self) -> None:
        await asyncio.to_thread(self._prepare)

    def _open(self) -> Opened:
        if self._opened is None:
            raise BrokerUnavailable(
                f"the database {self.path} is not open: enter the broker with `async with`"
            )
        return self._opened

    async def _write(
        self, verb: Callable[[Transaction], T], *, first: bool = False, durable: bool = True
    ) -> T:
        return await self._open().writer.write(verb, first=first, durable=durable)

    async def _read(self, verb: Callable[[Reading], T]) -> T:
        return await self._open().readers.read(verb)

    # Inbox

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        return await self._write(lambda tx: enqueueing.enqueue(tx, jobs))

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
        return await self._write(
            lambda tx: claiming.claim(
                tx,
                self._turns,
                queues,
                limit,
                worker=worker,
                token=token,
                lease=micros(lease),
                lowest_first=lowest_first,
            ),
            durable=False,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        if not settlements:
            return []
        return await self._write(lambda tx: settling.settle(tx, settlements, self._keep_lines))

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        if not held:
            return Renewal()
        return await self._write(
            lambda tx: reporting.renew(tx, held, micros(lease)), first=True, durable=False
        )

    async def report(self, reports: Sequence[Report]) -> frozenset[str]:
        if not reports:
            return frozenset()
        return await self._write(
            lambda tx: reporting.report(tx, reports, self._keep_lines), durable=False
        )

    # Upkeep

    async def promote(self, limit: int) -> Promotion:
        return await self._write(lambda tx: upkeep.promote(tx, limit))

    async def reclaim(
        self, limit: int, *, token: str, lease: float, worker: str | None = None
    ) -> list[Claim]:
        asked = self._clock.now().boot
        return await self._write(
            lambda tx: upkeep.reclaim(
                tx, limit, asked=asked, token=token, lease=micros(lease), worker=worker
            )
        )

    async def prune(self, retention: Retention, limit: int) -> int:
        return await self._write(lambda tx: upkeep.prune(tx, retention, limit))

    async def uptime(self) -> float:
        return float("inf")  # a file has no server that could have been out

    # Operate

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        if not ids:
            return []
        return await self._read(lambda reading: looking.get(reading, ids))

    async def detail(self, id: str) -> JobDetail | None:
        return await self._read(lambda reading: looking.detail(reading, id))

    async def find(self, query: Query, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await self._read(lambda reading: looking.find(reading, query, limit, cursor))

    async def settled(self, id: str, timeout: float) -> Job | None:
        return await self._open().hints.settled(id, timeout, self.get)

    async def queues(self) -> list[QueueInfo]:
        return await self._read(looking.queues)

    async def cancel(self, ids: Sequence[str], reason: str | None = None) -> list[CancelAnswer]:
        if not ids:
            return []
        return await self._write(lambda tx: operating.cancel(tx, ids, reason))

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        if not ids:
            return []
        return await self._write(lambda tx: operating.retry(tx, ids))

    async def pause(self, pattern: str, reason: str | None = None) -> None:
        await self._write(lambda tx: operating.pause(tx, pattern, reason))

    async def resume(self, pattern: str) -> bool:
        return await self._write(lambda tx: operating.resume(tx, pattern))

    async def pauses(self) -> list[Pause]:
        return await self._read(looking.pauses)

    # Timetable

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        return await self._read(lambda reading: timetable.recurring(reading, ids, names, limit, cursor))

    async def recurring_count(self) -> int:
        return await self._read(timetable.count)

    async def due(self, limit: int) -> RecurringPage:
        return await self._read(lambda reading: timetable.due(reading, limit))

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        if not changes:
            return []
        return await self._write(lambda tx: timetable.change(tx, changes))

    # Crew

    async def announce(self, worker: Worker) -> None:
        await self._write(lambda tx: operating.announce(tx, worker))

    async def depart(self, name: str) -> None:
        await self._write(lambda tx: operating.depart(tx, name))

    async def workers(self) -> list[Worker]:
        return await self._read(looking.workers)

    async def publish(self, types: Sequence[TypeInfo]) -> None:
        if types:
            await self._write(lambda tx: operating.publish(tx, types))

    async def types(self) -> dict[str, TypeInfo]:
        return await self._read(looking.types)

    # Transactional

    async def enqueue_in(self, connection: Any, jobs: Sequence[NewJob]) -> list[Enqueued]:
        if not jobs:
            return []
        with joined(connection, self.path, self._clock, self._sql) as tx:
            return enqueueing.enqueue(tx, jobs)

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        with joined(connection, self.path, self._clock, self._sql) as tx:
            return settling.settle(tx, [settlement], self._keep_lines)[0]

    def wakeups(self) -> AsyncIterator[Wakeup]:
        return self._open().hints.wakeups()
