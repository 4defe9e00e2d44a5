"""A job handle for code that cannot await."""

from typing import Generic, TypeVar

from stoker.client.operating import CancelVerdict
from stoker.client.reach import Reach
from stoker.client.results import Patience
from stoker.client.ticket import Ticket
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
        patience = Patience.of(timeout)
        result: R = self._reach.run(
            lambda client: client._result(self.ticket, patience), repeatable=True
        )
        return result

    def status(self) -> Job:
        """See `JobHandle.status`."""
        return self._reach.run(lambda client: client._status(self.ticket))

    def cancel(self, reason: str | None = None) -> CancelVerdict:
        """See `Client.cancel`."""
        return self._reach.run(lambda client: client._cancel(self.ticket, reason))

    def retry(self) -> None:
        """See `Client.retry`."""
        self._reach.run(lambda client: client._retry(self.ticket))

    def __repr__(self) -> str:
        return f"<job {self.id}>"
