"""The client for code that cannot await: Django, Flask, scripts."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from stoker.client.asked import Asked, Entry, asked
from stoker.client.by_hand import by_hand
from stoker.client.client import Client
from stoker.client.configured import configured
from stoker.client.job_filter import JobFilter
from stoker.client.operating import CancelVerdict
from stoker.client.options import Options, read_options
from stoker.client.own_loop import OwnLoop
from stoker.client.reach import BorrowedLoop, Reach
from stoker.client.sync_handle import SyncJobHandle
from stoker.client.sync_scheduling import SyncScheduling
from stoker.client.ticket import Ticket
from stoker.jobs.calls import Call
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Page, QueueInfo, TypeInfo, Worker

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")


class SyncClient(SyncScheduling):
    """A `Client` without the `await`: the same methods, each of which blocks until it is done.

    It connects on first use, so it can stand at the top of a module; `with` and `close` let go of the
    connection, and a later call connects anew. Safe across threads. A client works on an event loop in
    a thread of its own, which never keeps the interpreter from ending. After a fork the child has
    connections of its own. Called from a coroutine it works too, and blocks that loop meanwhile.
    """

    def __init__(
        self,
        url: str,
        *,
        relative_to: Path | None = None,
        create: bool = False,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        """See `Client`."""
        if not isinstance(url, str):
            raise TypeError(
                f"SyncClient takes a URL, not a {type(url).__name__}: "
                "for a broker that is open, there is SyncClient.over(client, loop)"
            )
        folder = relative_to or Path.cwd()
        self._reach: Reach = OwnLoop(
            lambda: Client(url, relative_to=folder, create=create, max_payload=max_payload)
        )

    @classmethod
    def from_config(cls, path: str | Path | None = None, *, create: bool = False) -> Self:
        """See `Client.from_config`. The file is read now."""
        found = configured(path, os.environ)
        return cls(found.broker, create=create, max_payload=found.max_payload)

    @classmethod
    def over(cls, client: Client, loop: "asyncio.AbstractEventLoop") -> Self:
        """A connected client, which stays its owner's, for threads other than that of its loop."""
        self = cls.__new__(cls)
        self._reach = BorrowedLoop(client, loop)
        return self

    def __enter__(self) -> Self:
        if isinstance(self._reach, OwnLoop):
            self._reach.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way and disconnect. Whoever waits for a result is told that it was."""
        self._reach.close()

    # Enqueueing

    @overload
    def enqueue(
        self, call: Call[R], *, connection: Any = None, **options: Unpack[Options]
    ) -> SyncJobHandle[R]: ...
    @overload
    def enqueue(
        self,
        call: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: type[R],
        connection: Any = None,
        **options: Unpack[Options],
    ) -> SyncJobHandle[R]: ...
    @overload
    def enqueue(
        self,
        call: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: Any = None,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> SyncJobHandle[Any]: ...
    def enqueue(
        self,
        call: Call[Any] | str,
        arguments: Mapping[str, Any] | None = None,
        *,
        returns: Any = None,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> SyncJobHandle[Any]:
        """See `Client.enqueue`. A `connection` is used in the caller's own thread."""
        [handle] = self._put([Asked(call, arguments, read_options(options), returns)], connection)
        return handle

    @overload
    def enqueue_many(
        self, calls: Iterable[Call[R]], *, connection: Any = None
    ) -> list[SyncJobHandle[R]]: ...
    @overload
    def enqueue_many(
        self, calls: Iterable[Entry], *, connection: Any = None
    ) -> list[SyncJobHandle[Any]]: ...
    def enqueue_many(
        self, calls: Iterable[Entry], *, connection: Any = None
    ) -> list[SyncJobHandle[Any]]:
        """See `Client.enqueue_many`."""
        return self._put(asked(calls), connection, numbered=True)

    @overload
    def handle(self, id: str, *, returns: type[R]) -> SyncJobHandle[R]: ...
    @overload
    def handle(self, id: str, *, returns: Any = None) -> SyncJobHandle[Any]: ...
    def handle(self, id: str, *, returns: Any = None) -> SyncJobHandle[Any]:
        """See `Client.handle`."""
        return SyncJobHandle(self._reach, Ticket(id, returns=Any if returns is None else returns))

    def _put(
        self, several: Iterable[Asked], connection: Any, *, numbered: bool = False
    ) -> list[SyncJobHandle[Any]]:
        if connection is None:
            tickets = self._reach.run(lambda client: client._put(several, None, numbered=numbered))
        else:
            # The catalogue is read on the loop; what touches the connection happens in this thread.
            batch = self._reach.run(lambda client: client._batch(several, numbered=numbered))
            tickets = by_hand(batch.put(connection), connection)
        return [SyncJobHandle(self._reach, ticket) for ticket in tickets]

    # Looking

    def status(self, id: str) -> Job:
        """See `Client.status`."""
        return self._reach.run(lambda client: client.status(id))

    def job(self, id: str) -> JobDetail:
        """See `Client.job`."""
        return self._reach.run(lambda client: client.job(id))

    def jobs(
        self, filter: JobFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """See `Client.jobs`."""
        return self._reach.run(lambda client: client.jobs(filter, limit=limit, cursor=cursor))

    def queues(self) -> list[QueueInfo]:
        """See `Client.queues`."""
        return self._reach.run(lambda client: client.queues())

    def workers(self) -> list[Worker]:
        """See `Client.workers`."""
        return self._reach.run(lambda client: client.workers())

    def types(self) -> dict[str, TypeInfo]:
        """See `Client.types`."""
        return self._reach.run(lambda client: client.types())

    # Acting

    @overload
    def cancel(self, which: str, reason: str | None = None) -> CancelVerdict: ...
    @overload
    def cancel(self, which: JobFilter, reason: str | None = None) -> int: ...
    def cancel(self, which: str | JobFilter, reason: str | None = None) -> CancelVerdict | int:
        """See `Client.cancel`."""
        return self._reach.run(lambda client: client.cancel(which, reason))

    @overload
    def retry(self, which: str) -> None: ...
    @overload
    def retry(self, which: JobFilter) -> int: ...
    def retry(self, which: str | JobFilter) -> int | None:
        """See `Client.retry`."""
        return self._reach.run(lambda client: client.retry(which))

    def pause(self, pattern: str, reason: str | None = None, *, wait: bool = False) -> None:
        """See `Client.pause`."""
        self._reach.run(lambda client: client.pause(pattern, reason, wait=wait), repeatable=True)

    def resume(self, pattern: str) -> bool:
        """See `Client.resume`."""
        return self._reach.run(lambda client: client.resume(pattern))
