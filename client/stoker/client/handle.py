"""A job that was enqueued, in the hands of the one who did."""

from typing import Generic, TypeVar

from stoker.brokers.protocol import Broker
from stoker.client.operating import CancelVerdict, cancel_one, retry_one
from stoker.client.results import Patience, result_of, status_of
from stoker.client.ticket import Ticket
from stoker.jobs.durations import Duration
from stoker.jobs.job import Job

R = TypeVar("R", covariant=True)


class JobHandle(Generic[R]):
    """A job, typed by what it returns. Works as long as its client is connected."""

    __slots__ = ("_broker", "ticket")

    def __init__(self, broker: Broker, ticket: Ticket) -> None:
        self._broker = broker
        self.ticket = ticket

    @property
    def id(self) -> str:
        return self.ticket.id

    @property
    def created(self) -> bool:
        """Whether the job is new.

        False if its id was known, or another job holds its unique key: the handle is of that one.
        """
        return self.ticket.created

    async def result(self, timeout: Duration | None = None) -> R:
        """What the handler returned, once the job has completed; waits until then.

        Raises JobFailed, JobCancelled, JobSkipped; TimeoutError if the job has not ended within the
        time; ResultExpired if it has, and its record or its result is not kept; JobNotFound for an id
        that is unknown, also while the transaction that the job was enqueued in is not committed.
        """
        result: R = await result_of(self._broker, self.ticket, Patience.of(timeout))
        return result

    async def status(self) -> Job:
        """The job as it stands. Raises JobNotFound."""
        return await status_of(self._broker, self.ticket)

    async def cancel(self, reason: str | None = None) -> CancelVerdict:
        """See `Client.cancel`."""
        return await cancel_one(self._broker, self.ticket, reason)

    async def retry(self) -> None:
        """See `Client.retry`."""
        await retry_one(self._broker, self.ticket)

    def __repr__(self) -> str:
        return f"<job {self.id}>"
