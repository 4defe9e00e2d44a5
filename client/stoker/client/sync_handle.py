"""A job handle for code that cannot await."""

import math
import time
from typing import Generic, TypeVar

from stoker.client.operating import CancelVerdict, cancel_one, retry_one
from stoker.client.reach import Reach
from stoker.client.results import result_of, status_of
from stoker.client.ticket import Ticket
from stoker.jobs import durations
from stoker.jobs.durations import Duration
from stoker.jobs.job import Job

R = TypeVar("R", covariant=True)


class SyncJobHandle(Generic[R]):
    """A `JobHandle` without the `await`. Good in any thread, and after a fork."""

    __slots__ = ("_reach", "ticket")

    def __init__(self, reach: Reach, ticket: Ticket) -> None:
        self._reach = reach
        self.ticket = ticket

    @property
    def id(self) -> str:
        return self.ticket.id

    @property
    def created(self) -> bool:
        """See `JobHandle.created`."""
        return self.ticket.created

    def result(self, timeout: Duration | None = None) -> R:
        """See `JobHandle.result`."""
        # The end is fixed here: the wait may be begun anew in between.
        end = math.inf if timeout is None else time.monotonic() + durations.seconds(timeout)
        result: R = self._reach.run(
            lambda client: result_of(
                client.broker,
                self.ticket,
                None if timeout is None else max(0.0, end - time.monotonic()),
            ),
            repeatable=True,
        )
        return result

    def status(self) -> Job:
        """See `JobHandle.status`."""
        return self._reach.run(lambda client: status_of(client.broker, self.ticket))

    def cancel(self, reason: str | None = None) -> CancelVerdict:
        """See `Client.cancel`."""
        return self._reach.run(lambda client: cancel_one(client.broker, self.ticket, reason))

    def retry(self) -> None:
        """See `Client.retry`."""
        self._reach.run(lambda client: retry_one(client.broker, self.ticket))

    def __repr__(self) -> str:
        return f"<job {self.id}>"
