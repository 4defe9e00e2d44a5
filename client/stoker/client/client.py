"""The client: what producers enqueue with, and what operators look and act through."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from stoker.brokers.connecting import anchored, connect
from stoker.brokers.protocol import Broker
from stoker.client import operating
from stoker.client.asked import Asked, Entry, asked
from stoker.client.batch import Batch
from stoker.client.catalogue import Catalogue
from stoker.client.configured import configured
from stoker.client.handle import JobHandle
from stoker.client.job_filter import JobFilter
from stoker.client.operating import CancelVerdict
from stoker.client.options import Options, read_options
from stoker.client.requesting import Requests
from stoker.client.results import missing, status_of
from stoker.client.ticket import Ticket
from stoker.jobs.calls import Call
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.errors import BrokerRefused, InvalidFilter, InvalidJob
from stoker.jobs.job import Job, JobDetail, NewJob
from stoker.jobs.operating import Page, Query, QueueInfo, TypeInfo, Worker

R = TypeVar("R")

MOST_OF_A_PAGE = 1000


class Client:
    """Jobs in a broker: to enqueue, wait for, look at, cancel and retry. For asyncio, on one loop.

    Given a URL it connects when it is entered and closes when it is left. Given a broker, which its
    owner has entered, it uses that, and leaves closing it to the owner.
    """

    def __init__(
        self,
        broker: str | Broker,
        *,
        relative_to: Path | None = None,
        create: bool = False,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        """`relative_to`: the folder of a relative SQLite path; else the working directory, now.
        `create` allows a database that is not there to be made. `max_payload` is in bytes.
        """
        self._url = anchored(broker, relative_to or Path.cwd()) if isinstance(broker, str) else None
        self._broker = None if isinstance(broker, str) else broker
        self._create = create
        self._requests = Requests(Catalogue(lambda: self.broker.types()), max_payload)

    @classmethod
    def from_config(cls, path: str | Path | None = None, *, create: bool = False) -> Self:
        """As config.yaml says (`broker`, `broker_file`, `max_payload`), and the environment over it.

        Without a path it is the one in the working directory, where there is one. Raises ConfigError.
        """
        found = configured(path, os.environ)
        return cls(found.broker, create=create, max_payload=found.max_payload)

    async def __aenter__(self) -> Self:
        if self._url is not None:
            if self._broker is not None:
                raise BrokerRefused("this client is connected already: make one for each use")
            broker = connect(self._url, create=self._create)
            await broker.__aenter__()
            self._broker = broker
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._url is not None and self._broker is not None:
            broker, self._broker = self._broker, None
            await broker.__aexit__(kind, error, traceback)

    @property
    def broker(self) -> Broker:
        """What it works on. Raises BrokerRefused if it is not connected."""
        if self._broker is None:
            raise BrokerRefused(
                "the client is not connected: use it as `async with Client(…) as stoker`"
            )
        return self._broker

    # Enqueueing

    @overload
    async def enqueue(
        self, call: Call[R], *, connection: Any = None, **options: Unpack[Options]
    ) -> JobHandle[R]: ...
    @overload
    async def enqueue(
        self,
        call: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: type[R],
        connection: Any = None,
        **options: Unpack[Options],
    ) -> JobHandle[R]: ...
    @overload
    async def enqueue(
        self,
        call: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: Any = None,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> JobHandle[Any]: ...
    async def enqueue(
        self,
        call: Call[Any] | str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: Any = None,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> JobHandle[Any]:
        """Put a job in: a handler's bound call, or a type by its name with arguments.

        `returns` is the type of the result of a job by name. With `connection` the job becomes part of
        the transaction that is open on it: rolled back, it has never been. The options are those of
        `Options`; they go over the call's own, over the handler's, over the system's defaults.

        Raises InvalidPayload, naming the parameter, and InvalidJob, both before anything is written;
        UniqueConflict if that was asked for; BrokerUnavailable if the store does not answer, and then
        the job may or may not be there; TransactionsUnsupported if the broker cannot join.
        """
        one = Asked(call, arguments, read_options(options), returns)
        [ticket] = await self._put([one], connection)
        return JobHandle(self.broker, ticket)

    @overload
    async def enqueue_many(
        self, calls: Iterable[Call[R]], *, connection: Any = None
    ) -> list[JobHandle[R]]: ...
    @overload
    async def enqueue_many(
        self, calls: Iterable[Entry], *, connection: Any = None
    ) -> list[JobHandle[Any]]: ...
    async def enqueue_many(
        self, calls: Iterable[Entry], *, connection: Any = None
    ) -> list[JobHandle[Any]]:
        """Put jobs in, all of them or none, by one call to the broker: calls, with or without options,
        and types by name as `(name, arguments)` or `(name, arguments, EnqueueOptions(…))`.

        Raises as `enqueue` does; the text says which job it is about, counted from 1.
        """
        broker = self.broker
        tickets = await self._put(asked(calls), connection, numbered=True)
        return [JobHandle(broker, ticket) for ticket in tickets]

    @overload
    def handle(self, id: str, *, returns: type[R]) -> JobHandle[R]: ...
    @overload
    def handle(self, id: str, *, returns: Any = None) -> JobHandle[Any]: ...
    def handle(self, id: str, *, returns: Any = None) -> JobHandle[Any]:
        """A handle for a job that was enqueued elsewhere. The broker is not asked."""
        return JobHandle(self.broker, Ticket(id, returns=Any if returns is None else returns))

    # Looking

    async def status(self, id: str) -> Job:
        """The job as it stands: state, progress, attempts, error … Raises JobNotFound."""
        return await status_of(self.broker, Ticket(id))

    async def job(self, id: str) -> JobDetail:
        """The job with its history and its logs. Raises JobNotFound."""
        detail = await self.broker.detail(id)
        if detail is None:
            raise missing(Ticket(id))
        return detail

    async def jobs(
        self, filter: JobFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Some of the jobs that fit, all if there is no filter, the newest first.

        `next_cursor` of a page is the `cursor` of the next. A page may be short, or empty, and have
        one: a filter without an index looks at a bounded number of jobs at a time. Raises InvalidFilter
        for a limit or a cursor that is none.
        """
        if type(limit) is not int or not 1 <= limit <= MOST_OF_A_PAGE:
            raise InvalidFilter(f"limit lies between 1 and {MOST_OF_A_PAGE:,}, not {limit!r}")
        query = Query() if filter is None else filter.query()
        return await self.broker.find(query, limit=limit, cursor=cursor)

    async def queues(self) -> list[QueueInfo]:
        """Every queue that has, or had, jobs: its counts, its oldest ready job, its pause."""
        return await self.broker.queues()

    async def workers(self) -> list[Worker]:
        """The worker processes, as they last announced themselves."""
        return await self.broker.workers()

    async def types(self) -> dict[str, TypeInfo]:
        """The types that daemons have published, by name."""
        return await self.broker.types()

    # Acting

    @overload
    async def cancel(self, which: str, reason: str | None = None) -> CancelVerdict: ...
    @overload
    async def cancel(self, which: JobFilter, reason: str | None = None) -> int: ...
    async def cancel(self, which: str | JobFilter, reason: str | None = None) -> CancelVerdict | int:
        """Cancel a job, or all live ones that fit a filter.

        For an id, what became of it: "cancelled" (it was waiting), "requested" (it runs, and is told),
        or "final" (it had ended). Raises JobNotFound. For a filter, how many were cancelled or told.
        """
        if isinstance(which, JobFilter):
            return await operating.cancel_all(self.broker, which, reason)
        return await operating.cancel_one(self.broker, Ticket(which), reason)

    @overload
    async def retry(self, which: str) -> None: ...
    @overload
    async def retry(self, which: JobFilter) -> int: ...
    async def retry(self, which: str | JobFilter) -> int | None:
        """Run an ended job again, or all that fit a filter: same id, history kept, all runs anew.

        For an id, raises JobNotFound, or NotRetryable if it has not ended or another job holds its
        unique key. For a filter, how many were retried.
        """
        if isinstance(which, JobFilter):
            return await operating.retry_all(self.broker, which)
        await operating.retry_one(self.broker, Ticket(which))
        return None

    async def pause(self, pattern: str, reason: str | None = None, *, wait: bool = False) -> None:
        """Start no jobs of queues that fit the pattern; those that run go on, and enqueues too.

        With `wait` it returns when none of their jobs runs any more.
        """
        await operating.pause(self.broker, pattern, reason, wait)

    async def resume(self, pattern: str) -> bool:
        """Undo the pause of exactly this pattern; whether there was one."""
        return await operating.resume(self.broker, pattern)

    async def _put(
        self, several: Iterable[Asked], connection: Any, *, numbered: bool = False
    ) -> list[Ticket]:
        batch = await self._batch(several, numbered=numbered)
        return await batch.put(connection) if batch.jobs else []

    async def _batch(self, several: Iterable[Asked], *, numbered: bool = False) -> Batch:
        """Jobs for what is asked, checked; nothing is written yet."""
        jobs: list[NewJob] = []
        returns: list[Any] = []
        try:
            for one in several:
                job, kind = await self._requests.of(one)
                jobs.append(job)
                returns.append(kind)
        except InvalidJob as error:
            if numbered:
                raise type(error)(f"job {len(jobs) + 1}: {error}") from None
            raise
        return Batch(self.broker, jobs, returns)
