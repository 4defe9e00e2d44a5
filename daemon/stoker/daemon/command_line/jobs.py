"""`stoker jobs list` and `stoker jobs show`."""

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from stoker.daemon.command_line.moments import relative
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import FILTERS, PRINTING, Filters, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_table
from stoker.daemon.command_line.showing import show
from stoker.jobs.job import Job
from stoker.jobs.state import State

if TYPE_CHECKING:
    from stoker.client import Client, JobFilter

PAGE = 500
Limit = Annotated[int, Parameter(validator=validators.Number(gte=1))]

COLUMNS = (
    Column("id"),
    Column("type", gives_way=True),
    Column("queue", gives_way=True),
    Column("state"),
    Column("run", right=True),
    Column("created"),
    Column("what", gives_way=True),
)


async def list_jobs(
    *, filters: Filters = FILTERS, limit: Limit = 50, options: Printing = PRINTING
) -> None:
    """Jobs that fit all that is given, the newest first.

    Parameters
    ----------
    limit
        At most so many.
    """
    async with open_client(options) as client:
        found = [job async for job in matching(client, filters.chosen(), limit + 1)]
    jobs = found[:limit]
    if options.json:
        print_json(jobs)
    elif jobs:
        now = datetime.now(UTC)
        print_table(COLUMNS, (row(job, now) for job in jobs))
    else:
        print("stoker: no job fits" if filters != FILTERS else "stoker: no jobs", file=sys.stderr)
    if len(found) > limit:
        print(f"stoker: there are more than {limit}; --limit shows more", file=sys.stderr)


async def show_job(id: str, /, *, options: Printing = PRINTING) -> None:
    """One job, with its history and its logs.

    Parameters
    ----------
    id
        Of the job.
    """
    async with open_client(options) as client:
        detail = await client.job(id)
    if options.json:
        print_json(detail)
    else:
        show(detail, datetime.now(UTC))


async def matching(client: "Client", chosen: "JobFilter", limit: int) -> AsyncIterator[Job]:
    """The jobs of a filter, the newest first, at most so many."""
    cursor = None
    while True:
        page = await client.jobs(chosen, limit=min(limit, PAGE), cursor=cursor)
        for job in page.items:
            yield job
        limit -= len(page.items)
        cursor = page.next_cursor
        if cursor is None or limit <= 0:
            return


def row(job: Job, now: datetime) -> tuple[object, ...]:
    """The job as a row of a table."""
    runs = f"{job.attempts}/{job.max_attempts}"
    created = relative(job.created_at, now)
    return job.id, job.type, job.queue, job.state, runs, created, _what(job, now)


def _what(job: Job, now: datetime) -> str:
    """What there is to say of a job in its state."""
    match job.state:
        case State.PENDING if job.scheduled_at > now:
            return f"due {relative(job.scheduled_at, now)}"
        case State.RETRYING:
            return f"due {relative(job.scheduled_at, now)}: {job.error or ''}".rstrip(": ")
        case State.RUNNING:
            told = ["told to cancel"] if job.cancel_requested else []
            percent = [] if job.progress is None else [f"{job.progress:g} %"]
            message = [job.progress_message] if job.progress_message else []
            return ", ".join(told + percent + message)
        case State.FAILED:
            return job.error or job.reason or ""
    return job.reason or ""
