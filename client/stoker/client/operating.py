"""Cancelling, retrying and pausing: one job, all of a filter, a pattern of queues."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Literal

import msgspec

from stoker.brokers.protocol import Broker
from stoker.client.job_filter import JobFilter
from stoker.client.results import missing, status_of
from stoker.client.ticket import Ticket
from stoker.jobs.errors import InvalidFilter, NotRetryable
from stoker.jobs.operating import Query
from stoker.jobs.patterns import is_pattern, matches
from stoker.jobs.state import FINAL, LIVE, State

CancelVerdict = Literal["cancelled", "requested", "final"]
"""cancelled: it was waiting, and will not run. requested: it runs, and is told to stop. final: it had
ended before, and stays as it is."""

PAGE = 500
"""Jobs that one call to the broker cancels or retries."""
FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between looks at whether a paused queue still has jobs running, at first and in the end."""


async def cancel_one(broker: Broker, ticket: Ticket, reason: str | None) -> CancelVerdict:
    """See `Client.cancel`."""
    await _refuse_open(broker, ticket)
    [answer] = await broker.cancel([ticket.id], reason)
    if answer.verdict == "unknown":
        raise missing(ticket)
    return answer.verdict


async def retry_one(broker: Broker, ticket: Ticket) -> None:
    """See `Client.retry`."""
    await _refuse_open(broker, ticket)
    [answer] = await broker.retry([ticket.id])
    match answer.verdict:
        case "unknown":
            raise missing(ticket)
        case "not_final":
            raise NotRetryable(
                f"job {ticket.id} has not ended, so it cannot be retried: cancel it first"
            )
        case "unique_taken":
            raise NotRetryable(
                f"job {ticket.id} cannot be retried: job {answer.holder} holds its unique key"
            )


async def _refuse_open(broker: Broker, ticket: Ticket) -> None:
    """Look first where a caller's transaction may be open: a write might wait in vain for its lock."""
    if ticket.origin == "joined":
        await status_of(broker, ticket)


async def cancel_all(broker: Broker, chosen: JobFilter, reason: str | None) -> int:
    """Cancel the live jobs of a filter; how many it met."""
    count = 0
    async for ids in _pages(broker, chosen, LIVE):
        answers = await broker.cancel(ids, reason)
        count += sum(answer.verdict in ("cancelled", "requested") for answer in answers)
    return count


async def retry_all(broker: Broker, chosen: JobFilter) -> int:
    """Retry the ended jobs of a filter; how many there were, without those whose key is taken."""
    count = 0
    async for ids in _pages(broker, chosen, FINAL):
        count += sum(answer.verdict == "retried" for answer in await broker.retry(ids))
    return count


async def _pages(
    broker: Broker, chosen: JobFilter, states: Collection[State]
) -> AsyncIterator[list[str]]:
    """The ids of all that match now, some at a time, in those states that the action is for.

    Lists go from the newest job to the oldest, and a job's place is the time it was made. So each is
    met once, and one that matches again after the action, or has come since, is not met at all.
    """
    query = chosen.query()
    if query == Query():
        raise InvalidFilter("the filter is empty and would mean every job: say which")
    wanted = tuple(state for state in query.states or State if state in states)
    if not wanted:
        return
    query = msgspec.structs.replace(query, states=wanted)
    cursor = None
    while True:
        page = await broker.find(query, limit=PAGE, cursor=cursor)
        if page.items:
            yield [job.id for job in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return


async def pause(broker: Broker, pattern: str, reason: str | None, wait: bool) -> None:
    """See `Client.pause`."""
    _check_pattern(pattern)
    await broker.pause(pattern, reason)
    look = FIRST_LOOK
    while wait and await _running(broker, pattern):
        await asyncio.sleep(look)
        look = min(look * 1.5, LAST_LOOK)


async def resume(broker: Broker, pattern: str) -> bool:
    """See `Client.resume`."""
    _check_pattern(pattern)
    return await broker.resume(pattern)


async def _running(broker: Broker, pattern: str) -> bool:
    queues = await broker.queues()
    return any(one.counts.running and matches(one.counts.queue, (pattern,)) for one in queues)


def _check_pattern(pattern: str) -> None:
    if not isinstance(pattern, str) or not is_pattern(pattern) or pattern.startswith("!"):
        raise InvalidFilter(f"{pattern!r} is no queue, and no pattern of queues such as 'reports.*'")
