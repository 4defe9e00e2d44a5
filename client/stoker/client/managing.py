"""The part of a client that looks at jobs and queues, and acts upon them."""

from typing import Any, overload

from stoker.client import operating
from stoker.client.connected import Connected
from stoker.client.job_filter import JobFilter
from stoker.client.operating import CancelVerdict
from stoker.client.results import Patience, missing, result_of, status_of
from stoker.client.ticket import Ticket
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Page, Query, QueueInfo, TypeInfo, Worker

MOST_OF_A_PAGE = 1000


class Managing(Connected):
    """Looks, cancels, retries, pauses."""

    async def status(self, id: str) -> Job:
        """The job as it stands: state, progress, attempts, error … Raises JobNotFound."""
        return await self._status(Ticket(id))

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
        return await self._cancel(Ticket(which), reason)

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
        await self._retry(Ticket(which))
        return None

    async def pause(self, pattern: str, reason: str | None = None, *, wait: bool = False) -> None:
        """Start no jobs of queues that fit the pattern; those that run go on, and enqueues too.

        With `wait` it returns when none of their jobs runs any more.
        """
        await operating.pause(self.broker, pattern, reason, wait)

    async def resume(self, pattern: str) -> bool:
        """Undo the pause of exactly this pattern; whether there was one."""
        return await operating.resume(self.broker, pattern)

    # What handles ask for; as coroutines, so that a thread can hand them to the loop of the client.

    async def _result(self, ticket: Ticket, patience: Patience) -> Any:
        return await result_of(self.broker, ticket, patience)

    async def _status(self, ticket: Ticket) -> Job:
        return await status_of(self.broker, ticket)

    async def _cancel(self, ticket: Ticket, reason: str | None) -> CancelVerdict:
        return await operating.cancel_one(self.broker, ticket, reason)

    async def _retry(self, ticket: Ticket) -> None:
        await operating.retry_one(self.broker, ticket)
