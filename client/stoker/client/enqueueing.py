"""The part of a client that enqueues."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, Unpack, overload

from stoker.client.asked import Asked, Entry, asked
from stoker.client.batch import Batch
from stoker.client.connected import Connected
from stoker.client.handle import JobHandle
from stoker.client.options import Options, read_options
from stoker.client.ticket import Ticket
from stoker.jobs.calls import Call
from stoker.jobs.errors import InvalidJob
from stoker.jobs.job import NewJob

R = TypeVar("R")


class Enqueueing(Connected):
    """Puts jobs in, and gives handles of them."""

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
        """Put jobs in, all of them or none, by one call to the broker.

        They are calls, with or without options of their own, and types by name, as `(name, arguments)`
        or `(name, arguments, EnqueueOptions(…))`. Raises as `enqueue` does; the text of an InvalidJob
        says which job it is about, counted from 1.
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
