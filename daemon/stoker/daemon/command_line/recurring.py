"""`stoker recurring …`: lists, adds, switches, fires and removes recurring jobs."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stoker.daemon.command_line.enqueue import object_of, time_of
from stoker.daemon.command_line.failing import WrongUsage
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import COMMON, PRINTING, Common, Printing
from stoker.daemon.command_line.printing import print_json, print_line, print_table
from stoker.daemon.command_line.showing_recurring import COLUMNS, cells, document_of

if TYPE_CHECKING:
    from stoker.client.when import When

MOST_TIMES = 1000


async def list_recurring(*, options: Printing = PRINTING) -> None:
    """Recurring jobs, by name: what, when, whose, and when next."""
    async with open_client(options) as client:
        rows = await client.recurring()
    if options.json:
        print_json([document_of(row) for row in rows])
    elif rows:
        now = datetime.now(UTC)
        print_table(COLUMNS, [cells(row, now) for row in rows])
    else:
        print("stoker: there are no recurring jobs", file=sys.stderr)


async def add_recurring(
    name: str,
    type: str,
    arguments: str = "{}",
    /,
    *,
    cron: str | None = None,
    every: str | None = None,
    timezone: str = "UTC",
    overlap: str = "skip",
    catchup: str = "last",
    catchup_limit: int = 100,
    jitter: str = "0",
    starts_at: str | None = None,
    ends_at: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    options: Printing = PRINTING,
) -> None:
    """Have jobs made by themselves, or give a recurring job of this name another schedule.

    Parameters
    ----------
    name
        Of the recurring job.
    type
        The handler's name, as 'reports.generate'.
    arguments
        A JSON object by parameter; @FILE reads it from a file, and - from standard input.
    cron
        5 fields, or 6 with the seconds first, or @daily and the like.
    every
        A duration in its place, as 15m.
    timezone
        As Europe/Vienna.
    overlap
        While an earlier job has not ended: skip, allow or queue.
    catchup
        Of slots that were missed while nothing ran: last, skip or all.
    catchup_limit
        At most so many, with all.
    jitter
        Jobs start up to so much later than their slots.
    starts_at
        No slots before this time, in ISO with a time zone.
    ends_at
        No slots after this time.
    queue
        In place of the handler's.
    priority
        0 to 9, higher first.
    """
    when: When = {
        "timezone": timezone,
        "overlap": overlap,  # type: ignore[typeddict-item]
        "catchup": catchup,  # type: ignore[typeddict-item]
        "catchup_limit": catchup_limit,
        "jitter": jitter,
    }
    if cron is not None:
        when["cron"] = cron
    if every is not None:
        when["every"] = every
    if (begin := time_of("--starts-at", starts_at)) is not None:
        when["starts_at"] = begin
    if (end := time_of("--ends-at", ends_at)) is not None:
        when["ends_at"] = end
    async with open_client(options) as client:
        id = await client.add_recurring(
            name,
            type,
            object_of(arguments),
            options={"queue": queue, "priority": priority},
            **when,
        )
    print_json({"id": id}) if options.json else print_line(id)


async def toggle_recurring(
    which: str,
    /,
    *,
    on: bool = False,
    off: bool = False,
    resumes: str | None = None,
    options: Printing = PRINTING,
) -> None:
    """Switch a recurring job to what it is not, or to what is said. What passes while off is lost.

    Parameters
    ----------
    which
        Its id or its name.
    on
        Switch it on.
    off
        Switch it off.
    resumes
        Off until this time in ISO, or for so long, as 2h.
    """
    if on and (off or resumes is not None):
        raise WrongUsage("give --on, or --off and --resumes, not both")
    wanted = True if on else False if off else None
    until: Any = resumes
    if resumes is not None and "T" in resumes:
        until = time_of("--resumes", resumes)
    async with open_client(options) as client:
        enabled = await client.toggle_recurring(which, wanted, resumes=until)
    if options.json:
        print_json({"enabled": enabled})
    else:
        print_line(f"{which} is {'on' if enabled else 'off'}")


async def revert_recurring(which: str, /, *, options: Common = COMMON) -> None:
    """Take back what was edited: what code or configuration says holds again.

    Parameters
    ----------
    which
        Its id or its name.
    """
    async with open_client(options) as client:
        await client.revert_recurring(which)
    print_line(f"{which} is as its code or configuration says")


async def remove_recurring(which: str, /, *, options: Common = COMMON) -> None:
    """Make no more jobs of it; those that are there go on.

    Parameters
    ----------
    which
        Its id or its name.
    """
    async with open_client(options) as client:
        await client.remove_recurring(which)
    print_line(f"{which} is removed")


async def fire_recurring(which: str, /, *, options: Printing = PRINTING) -> None:
    """Put in a job of it now, whatever its slots, and print the job's id.

    Parameters
    ----------
    which
        Its id or its name.
    """
    async with open_client(options) as client:
        job = await client.fire_recurring(which)
    if not job.created:
        print(f"stoker: job {job.id} stands for it: it has not ended", file=sys.stderr)
    print_json({"id": job.id, "created": job.created}) if options.json else print_line(job.id)


def next_times(
    line: str,
    /,
    *,
    timezone: str = "UTC",
    after: str | None = None,
    count: int = 5,
    options: Printing = PRINTING,
) -> None:
    """When a cron line comes next. The broker is not asked.

    Parameters
    ----------
    line
        5 fields, or 6 with the seconds first, or @daily and the like, or 'every 15m'.
    timezone
        As Europe/Vienna; times are printed in it.
    after
        From this time on, in ISO with a time zone, in place of now.
    count
        So many.
    """
    from stoker.jobs.calendar import calendar

    if not 1 <= count <= MOST_TIMES:
        raise WrongUsage(f"--count lies between 1 and {MOST_TIMES:,}, not {count}")
    times = calendar(line, timezone)
    at: datetime | None = time_of("--after", after) or datetime.now(UTC)
    found: list[datetime] = []
    while len(found) < count and at is not None and (at := times.after(at)) is not None:
        found.append(at)
    _print_times(found, timezone, options)


def _print_times(found: Iterable[datetime], timezone: str, options: Printing) -> None:
    local = [moment.astimezone(ZoneInfo(timezone)) for moment in found]
    if options.json:
        print_json([moment.isoformat() for moment in local])
    elif local:
        for moment in local:
            print_line(f"{moment:%a %Y-%m-%d %H:%M:%S %Z}")
    else:
        print("stoker: it never comes", file=sys.stderr)
