"""`stoker workers list` and `stoker types list`."""

import sys
from datetime import UTC, datetime

from stoker.daemon.command_line.moments import relative
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_table
from stoker.jobs.durations import text


async def list_workers(*, options: Printing = PRINTING) -> None:
    """The worker processes, as they last announced themselves; those gone for a day are forgotten."""
    async with open_client(options) as client:
        workers = await client.workers()
    if options.json:
        print_json(workers)
        return
    if not workers:
        print("stoker: no worker has been seen for a day", file=sys.stderr)
        return
    now = datetime.now(UTC)
    print_table(
        (Column("name"), Column("service"), Column("host"), Column("pid", right=True),
         Column("version"), Column("running", right=True), Column("slots", right=True),
         Column("queues", gives_way=True), Column("started"), Column("seen")),
        (
            (one.name, one.service, one.host, one.pid, one.version, one.running, one.slots,
             ", ".join(one.queues), relative(one.started_at, now), relative(one.seen_at, now))
            for one in workers
        ),
    )  # fmt: skip


async def list_types(*, options: Printing = PRINTING) -> None:
    """The types of jobs that daemons have published, with their defaults."""
    async with open_client(options) as client:
        types = await client.types()
    if options.json:
        print_json(list(types.values()))
        return
    if not types:
        print("stoker: no daemon has published a type yet", file=sys.stderr)
        return
    print_table(
        (Column("type"), Column("queue"), Column("priority", right=True),
         Column("runs", right=True), Column("timeout", right=True), Column("arguments", gives_way=True),
         Column("description", gives_way=True)),
        (
            (one.name, one.queue, one.priority, one.max_attempts,
             "" if one.timeout is None else text(one.timeout),
             ", ".join((one.schema or {}).get("properties", {})), one.description)
            for _, one in sorted(types.items())
        ),
    )  # fmt: skip
