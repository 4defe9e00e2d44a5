"""`stoker queues list`, `stoker queues pause` and `stoker queues resume`."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import anyio

from stoker.daemon.command_line.failing import FAILED, say
from stoker.daemon.command_line.moments import relative
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import COMMON, PRINTING, Common, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_line, print_table
from stoker.jobs.operating import Counts, Pause, QueueInfo

WATCHED = 2.0
"""Seconds between the two looks that give rates."""
_COUNTS = ("ready", "delayed", "running", "retrying", "completed", "failed", "cancelled", "skipped")


async def list_queues(*, rates: bool = False, options: Printing = PRINTING) -> None:
    """Queues: how many jobs in which state, how long the oldest has been ready, paused or not.

    Parameters
    ----------
    rates
        Also how many jobs come and end per second; takes two seconds.
    """
    async with open_client(options) as client:
        before = {queue.counts.queue: queue.counts for queue in await client.queues()}
        if rates:
            await anyio.sleep(WATCHED)
        queues = await client.queues()
        pauses = await client.broker.pauses()
    measured = {queue.counts.queue: _rates(before, queue.counts) for queue in queues} if rates else {}
    if options.json:
        print_json([_document(queue, measured) for queue in queues])
        return
    if queues:
        _table(queues, measured)
    else:
        print("stoker: no queue has, or had, jobs", file=sys.stderr)
    _patterns(queues, pauses)


async def pause_queues(
    pattern: str,
    /,
    *,
    reason: str | None = None,
    wait: bool = False,
    options: Common = COMMON,
) -> None:
    """Start no more jobs of a queue, or of those that fit a pattern; those that run go on.

    Parameters
    ----------
    pattern
        A queue, or a pattern as 'reports.*'.
    reason
        Why, for those who wonder.
    wait
        Until none of their jobs runs any more.
    """
    async with open_client(options) as client:
        await client.pause(pattern, reason, wait=wait)
    print_line(f"{pattern} is paused" + (", and none of its jobs runs" if wait else ""))


async def resume_queues(pattern: str, /, *, options: Common = COMMON) -> int:
    """Undo the pause of exactly this queue or pattern.

    Parameters
    ----------
    pattern
        As it was paused.
    """
    async with open_client(options) as client:
        if await client.resume(pattern):
            print_line(f"{pattern} goes on")
            return 0
        paused = [pause.pattern for pause in await client.broker.pauses()]
    what = f"paused: {', '.join(paused)}" if paused else "nothing is paused"
    return say(f"there is no pause of {pattern!r}; {what}", FAILED)


def _rates(before: Mapping[str, Counts], now: Counts) -> tuple[float, float]:
    """Jobs that came, and jobs that ended, per second."""
    was = before.get(now.queue, Counts(queue=now.queue))
    return (now.total - was.total) / WATCHED, (_ended(now) - _ended(was)) / WATCHED


def _ended(counts: Counts) -> int:
    return counts.total - counts.pending - counts.running - counts.retrying


def _document(queue: QueueInfo, measured: Mapping[str, tuple[float, float]]) -> dict[str, object]:
    """The queue with its counts by their public names."""
    counts = queue.counts
    document: dict[str, object] = {"queue": counts.queue, "pending": counts.pending}
    document |= {name: getattr(counts, name) for name in (*_COUNTS, "pruned")}
    document |= {"oldest_ready": queue.oldest_ready, "pause": queue.pause}
    if counts.queue in measured:
        document["enqueued_per_second"], document["ended_per_second"] = measured[counts.queue]
    return document


def _table(queues: Sequence[QueueInfo], measured: Mapping[str, tuple[float, float]]) -> None:
    now = datetime.now(UTC)
    names = ("in/s", "out/s") if measured else ()
    columns = [
        Column("queue"),
        *(Column(name, right=True) for name in (*_COUNTS, *names)),
        Column("oldest ready"),
        Column("paused", gives_way=True),
    ]
    print_table(
        columns,
        (
            (
                queue.counts.queue,
                *(f"{getattr(queue.counts, name):,}" for name in _COUNTS),
                *(f"{rate:,.1f}" for rate in measured.get(queue.counts.queue, ())),
                relative(queue.oldest_ready, now),
                "" if queue.pause is None else _paused(queue.pause, now),
            )
            for queue in queues
        ),
    )


def _patterns(queues: Sequence[QueueInfo], pauses: Sequence[Pause]) -> None:
    """Pauses that no listed queue shows, so that none is overlooked."""
    shown = {queue.pause.pattern for queue in queues if queue.pause is not None}
    now = datetime.now(UTC)
    for pause in pauses:
        if pause.pattern not in shown:
            print_line(f"{pause.pattern} is paused, {_paused(pause, now)}; no queue fits it yet")


def _paused(pause: Pause, now: datetime) -> str:
    by = "" if not pause.reason else f": {pause.reason}"
    return f"{relative(pause.since, now)}{by}"
