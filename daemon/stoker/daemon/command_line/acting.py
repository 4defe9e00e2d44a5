"""`stoker jobs cancel` and `stoker jobs retry`: by ids, or by a filter."""

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from stoker.daemon.command_line.failing import FAILED, WrongUsage
from stoker.daemon.command_line.jobs import COLUMNS, Limit, matching, row
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import FILTERS, PRINTING, Filters, Printing
from stoker.daemon.command_line.printing import print_json, print_line, print_table
from stoker.jobs.job import Job
from stoker.jobs.operating import CancelAnswer, RetryAnswer
from stoker.jobs.state import FINAL, LIVE, State

if TYPE_CHECKING:
    from stoker.client import Client, JobFilter

SHOWN = 20
"""Jobs that a dry run lists."""
ALL = sys.maxsize

_CANCELLED = {
    "cancelled": "is cancelled",
    "requested": "runs, and is told to stop",
    "final": "has ended before",
    "unknown": "is not there",
}
_RETRIED = {
    "retried": "will run again",
    "not_final": "has not ended: cancel it first",
    "unique_taken": "cannot run again: its unique key is held by",
    "unknown": "is not there",
}
_DONE = ("cancelled", "requested", "retried")


async def cancel_jobs(
    *ids: str,
    filters: Filters = FILTERS,
    limit: Limit | None = None,
    reason: str | None = None,
    dry_run: bool = False,
    options: Printing = PRINTING,
) -> int:
    """Cancel jobs, by their ids or by a filter: waiting ones at once, running ones are told to stop.

    Parameters
    ----------
    ids
        Of the jobs; or a filter instead.
    limit
        At most so many of those that fit, the newest.
    reason
        Kept with the jobs.
    dry_run
        Only show which jobs it would be.
    """
    _refuse_unclear(ids, filters, limit)
    async with open_client(options) as client:
        if dry_run:
            return await _rehearse(client, "cancel", ids, filters, limit, LIVE, options)
        if ids:
            return _tell(await client.broker.cancel(ids, reason), _CANCELLED, options)
        if limit is None:
            count = await client.cancel(filters.chosen(), reason)
        else:
            some = await _ids(client, filters, limit, LIVE)
            count = _count(await client.broker.cancel(some, reason))
    return _counted(count, "cancelled, or told to stop", options)


async def retry_jobs(
    *ids: str,
    filters: Filters = FILTERS,
    limit: Limit | None = None,
    dry_run: bool = False,
    options: Printing = PRINTING,
) -> int:
    """Run ended jobs again, by their ids or by a filter: same id, history kept, all runs anew.

    Parameters
    ----------
    ids
        Of the jobs; or a filter instead.
    limit
        At most so many of those that fit, the newest.
    dry_run
        Only show which jobs it would be.
    """
    _refuse_unclear(ids, filters, limit)
    async with open_client(options) as client:
        if dry_run:
            return await _rehearse(client, "retry", ids, filters, limit, FINAL, options)
        if ids:
            return _tell(await client.broker.retry(ids), _RETRIED, options)
        if limit is None:
            count = await client.retry(filters.chosen())
        else:
            count = _count(await client.broker.retry(await _ids(client, filters, limit, FINAL)))
    return _counted(count, "will run again", options)


def _refuse_unclear(ids: Sequence[str], filters: Filters, limit: int | None) -> None:
    if ids and (filters != FILTERS or limit is not None):
        raise WrongUsage("give ids or a filter, not both")
    if not ids and filters == FILTERS:
        raise WrongUsage(
            "this would be every job: give ids, or a filter such as --type 'reports.*' --since 24h"
        )


def _narrowed(filters: Filters, states: Collection[State]) -> "JobFilter | None":
    """The filter, for those states only that can be acted on; None if there are none of them."""
    chosen = filters.chosen()
    wanted = tuple(state for state in chosen.query().states or State if state in states)
    return msgspec.structs.replace(chosen, states=wanted) if wanted else None


async def _ids(client: "Client", filters: Filters, limit: int, states: Collection[State]) -> list[str]:
    chosen = _narrowed(filters, states)
    return [] if chosen is None else [job.id async for job in matching(client, chosen, limit)]


async def _rehearse(
    client: "Client",
    verb: str,
    ids: Sequence[str],
    filters: Filters,
    limit: int | None,
    states: Collection[State],
    options: Printing,
) -> int:
    """Say which jobs it would be; nothing is changed."""
    count = 0
    first: list[Job] = []
    if ids:
        there = [job for job in await client.broker.get(ids) if job is not None]
        first = [job for job in there if job.state in states]
        count = len(first)
    elif (chosen := _narrowed(filters, states)) is not None:
        async for job in matching(client, chosen, ALL if limit is None else limit):
            count += 1
            if len(first) < SHOWN:
                first.append(job)
    if options.json:
        print_json({"count": count, "first": [job.id for job in first]})
        return 0
    if first:
        now = datetime.now(UTC)
        print_table(COLUMNS, (row(job, now) for job in first))
    more = f", of which these are {len(first)}" if count > len(first) else ""
    print_line(f"{_jobs(count)} to {verb}{more}; nothing is changed by a dry run")
    return 0


def _tell(
    answers: Sequence[CancelAnswer] | Sequence[RetryAnswer], words: Mapping[str, str], options: Printing
) -> int:
    if options.json:
        print_json(answers)
    else:
        for answer in answers:
            holder = getattr(answer, "holder", None)
            text = words[answer.verdict] + (f" {holder}" if holder else "")
            print_line(f"{answer.id} {text}")
    return 0 if _count(answers) == len(answers) else FAILED


def _count(answers: Sequence[CancelAnswer] | Sequence[RetryAnswer]) -> int:
    return sum(answer.verdict in _DONE for answer in answers)


def _counted(count: int, what: str, options: Printing) -> int:
    if options.json:
        print_json({"count": count})
    else:
        print_line(f"{_jobs(count)} {what}")
    return 0


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"
