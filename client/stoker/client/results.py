"""Waiting for a job's end, and what its end means to the one who waits."""

import math
import time
from typing import Any

import msgspec

from stoker.brokers.protocol import Broker
from stoker.client.ticket import Ticket
from stoker.jobs import durations
from stoker.jobs.durations import Duration
from stoker.jobs.errors import (
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobSkipped,
    NoResult,
    ResultExpired,
    StokerError,
)
from stoker.jobs.job import Job
from stoker.jobs.state import State

LONGEST_WAIT = 60.0
"""Seconds that one call to the broker waits; a longer wait is several."""


class Patience(msgspec.Struct, frozen=True):
    """How long somebody waits in all, however often the wait is begun anew."""

    limit: float
    """Seconds, which may be infinite."""
    end: float
    """By the monotonic clock of this process."""

    @classmethod
    def of(cls, timeout: Duration | None) -> "Patience":
        """From now on. Raises ValueError for what is no duration."""
        limit = math.inf if timeout is None else durations.seconds(timeout)
        return cls(limit, time.monotonic() + limit)

    @property
    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())


async def result_of(broker: Broker, ticket: Ticket, patience: Patience) -> Any:
    """The result of the job, once it has one; see `JobHandle.result`."""
    while True:
        left = patience.left
        try:
            job = await broker.settled(ticket.id, min(left, LONGEST_WAIT))
        except JobNotFound:
            raise _gone(ticket) from None
        if job is None and left <= LONGEST_WAIT:
            # One look more: a wait of no length may have ended before the broker could answer.
            job = await _look(broker, ticket, gone=_gone(ticket))
            if not job.state.final:
                raise TimeoutError(
                    f"job {job.id} ({job.type}) has not ended within "
                    f"{durations.text(patience.limit)}: it is {job.state}"
                )
        if job is not None:
            return _outcome(job, ticket.returns)


async def status_of(broker: Broker, ticket: Ticket) -> Job:
    """The job as it stands. Raises JobNotFound."""
    return await _look(broker, ticket, gone=missing(ticket))


def missing(ticket: Ticket) -> JobNotFound:
    """What to say of a job that is not there."""
    if ticket.origin == "joined":
        return JobNotFound(
            f"job {ticket.id} is not there (yet): it was enqueued within a transaction, "
            "so commit that first; rolled back, it has left no job"
        )
    return JobNotFound(f"there is no job {ticket.id!r}, or no longer")


async def _look(broker: Broker, ticket: Ticket, *, gone: StokerError) -> Job:
    [job] = await broker.get([ticket.id])
    if job is None:
        raise gone
    return job


def _gone(ticket: Ticket) -> StokerError:
    if ticket.origin == "enqueued":
        # It was there once, so it has ended since, and its record is past retention.
        return ResultExpired(ticket.id, f"job {ticket.id} has ended, and its record has been pruned")
    return missing(ticket)


def _outcome(job: Job, returns: Any) -> Any:
    which = f"job {job.id} ({job.type})"
    match job.state:
        case State.COMPLETED if job.result is not None:
            return _decode(job, which, returns)
        case State.COMPLETED:
            note = job.reason or "its result was not kept"
            raise ResultExpired(job.id, f"{which} completed, but {note}")
        case State.CANCELLED:
            raise JobCancelled(job.id, f"{which} was cancelled{_because(job.reason)}")
        case State.SKIPPED:
            raise JobSkipped(job.id, f"{which} was skipped{_because(job.reason)}")
    raise JobFailed(job.id, f"{which} failed{_because(job.error or job.reason)}")


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _decode(job: Job, which: str, returns: Any) -> Any:
    try:
        return msgspec.json.decode(job.result or b"", type=returns)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        name = getattr(returns, "__qualname__", returns)
        raise NoResult(
            job.id, f"{which} completed, but its result cannot be read as {name}: {error}"
        ) from None
