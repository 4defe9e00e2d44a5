"""What a run knows and can say: its job, its progress and log lines, whether it should stop."""

from collections.abc import Mapping
from datetime import datetime
from random import random
from typing import Any, Protocol

from stoker.jobs.codec import encode_result
from stoker.jobs.errors import InvalidJob, LeaseLost
from stoker.jobs.job import Claim, Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.outcome import Done, decide
from stoker.jobs.retry import DEFAULT_RETRY

LEVELS = ("debug", "info", "warning", "error")
"""What a log line may be."""


class JobView(Protocol):
    """The job that a run works on, as it was when the run began."""

    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def attempts(self) -> int:
        """The number of this run, from 1."""
        ...

    @property
    def max_attempts(self) -> int: ...
    @property
    def crashes(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def scheduled_at(self) -> datetime: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def recurring_id(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str] | None: ...
    @property
    def token(self) -> str:
        """Proves this run's claim; grows with nothing, and no two runs have the same."""
        ...


class Sink(Protocol):
    """Takes what a run says; from any thread."""

    def progress(self, claim: Claim, percent: float, message: str | None) -> None: ...

    def log(self, claim: Claim, message: str, level: str) -> None: ...


class Services(Protocol):
    """What a run can reach in its process."""

    @property
    def client(self) -> Any:
        """A `stoker.client.Client` on the daemon's own broker."""
        ...

    @property
    def sync_client(self) -> Any:
        """A `stoker.client.SyncClient`, for handlers that run in a thread."""
        ...

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict: ...


class Context:
    """A handler's `ctx`. Safe to use from the thread or the task that the handler runs in."""

    __slots__ = (
        "_cancel_reason",
        "_cancelled",
        "_claim",
        "_services",
        "_settled_in",
        "_sink",
        "deadline",
        "worker",
    )

    def __init__(
        self,
        claim: Claim,
        sink: Sink,
        *,
        worker: str = "",
        deadline: datetime | None = None,
        services: Services | None = None,
    ) -> None:
        self._claim = claim
        self._sink = sink
        self._services = services
        self._cancelled = False
        self._cancel_reason: str | None = None
        self._settled_in = False
        self.worker = worker
        """The name of the worker process."""
        self.deadline = deadline
        """When the timeout ends the run; None without one."""

    @property
    def job(self) -> JobView:
        return self._claim

    @property
    def cancelled(self) -> bool:
        """Whether the run should end: a cancel, a shutdown, the timeout. Ask in threads and loops."""
        return self._cancelled

    @property
    def cancel_reason(self) -> str | None:
        return self._cancel_reason

    @property
    def settled_in(self) -> bool:
        """Whether `complete_in` has written the job's end into the handler's own transaction.

        It says nothing about the commit: if the handler fails afterwards, the claim may still stand.
        """
        return self._settled_in

    @property
    def client(self) -> Any:
        """A `Client` on this daemon's broker, to enqueue and manage jobs from async handlers."""
        return self._service("client").client

    @property
    def sync_client(self) -> Any:
        """A `SyncClient` on this daemon's broker, for handlers that run in a thread."""
        return self._service("sync_client").sync_client

    def progress(self, percent: float, message: str | None = None) -> None:
        """Say how far the run is, from 0 to 100; the newest counts. Kept with the job."""
        if not 0 <= percent <= 100:
            raise ValueError(f"progress lies between 0 and 100, not {percent!r}")
        self._sink.progress(self._claim, percent, message)

    def log(self, message: str, level: str = "info") -> None:
        """Keep a line with the job, with the time; `level` is debug, info, warning or error."""
        if level not in LEVELS:
            raise ValueError(f"a level is one of debug, info, warning and error, not {level!r}")
        self._sink.log(self._claim, str(message), level)

    async def complete_in(self, connection: Any, result: object = None) -> None:
        """Complete the job inside the handler's own open transaction, as the last thing before commit.

        Effects and completion are committed together, or neither: the handler commits. Raises
        LeaseLost if the run's claim is no longer current (then roll back), TransactionsUnsupported
        if this broker cannot join that connection, InvalidJob for a result that cannot be kept.
        """
        data, note = encode_result(result)
        if note is not None:
            raise InvalidJob(note)
        services = self._service("complete_in")
        settlement = decide(self._claim, Done(data), retry=DEFAULT_RETRY, jitter=random)
        match await services.settle_in(connection, settlement):
            case "lost":
                raise LeaseLost(
                    f"job {self._claim.id} is no longer this run's to complete: "
                    "it was reclaimed, settled or removed; roll back"
                )
            case "invalid":
                raise InvalidJob(f"the result of job {self._claim.id} cannot be kept by the store")
            case "accepted" | "already":
                self._settled_in = True

    def sync_complete_in(self, connection: Any, result: object = None) -> None:
        """The same for handlers that run in a thread, with a synchronous connection."""
        call = self.complete_in(connection, result)
        try:
            call.send(None)
        except StopIteration:
            return
        call.close()
        raise TypeError(
            f"{type(connection).__name__} is no synchronous connection: await ctx.complete_in instead"
        )

    def _cancel(self, reason: str | None) -> None:
        """The daemon's: tell the run to end. From any thread; the first reason stays."""
        if not self._cancelled:
            self._cancel_reason = reason
            self._cancelled = True

    def _service(self, what: str) -> Services:
        if self._services is None:
            raise RuntimeError(f"there is no ctx.{what} here: nothing that could reach a broker")
        return self._services
