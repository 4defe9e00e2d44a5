"""All that is measured of a daemon, in the order in which the measures disturb each other least."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from stoker.daemon.measuring.handlers import DATA, noop, sleep
from stoker.daemon.measuring.measures import Delay, Drain, Enqueueing, delays, drain, enqueueing
from stoker.daemon.measuring.stores import Stores
from stoker.daemon.measuring.subject import Subject, running

SLOTS = 100
WARM_UP = 2000
"""Jobs that run before any are measured."""
SHORT = 0.01
"""Seconds of a job that waits."""


class Sizes(msgspec.Struct, frozen=True):
    """How many jobs each measure takes."""

    enqueued: int = 5_000
    drained: int = 100_000
    slept: int = 20_000
    delayed: int = 500


QUICK = Sizes(enqueued=1_000, drained=15_000, slept=5_000, delayed=100)


class Figures(msgspec.Struct, frozen=True):
    """What a daemon with a hundred slots did."""

    enqueue: Enqueueing
    delay: Delay
    noop: Drain
    """Jobs that do nothing, with the log that a daemon writes by default: two lines for each run."""
    sleep: Drain
    """Jobs of 10 ms: a hundred slots could do 10,000 of them in a second."""
    quiet: Drain
    """Jobs that do nothing, with a log of warnings only."""
    idle: float | None
    """MiB of memory before it was given much to do; None where the system does not tell."""


async def figures(stores: Stores, sizes: Sizes, *, tell: Callable[[str], None]) -> Figures:
    """Measure daemons on these stores, one after the other.

    `tell` hears what comes next. Raises what `running` raises.
    """
    tell("enqueueing")
    async with stores.empty() as store:
        enqueued = await enqueueing(store, sizes.enqueued)
    tell("a daemon on its own")
    async with _daemon(stores) as subject:
        begin = subject.usage()
        delay = await delays(subject, sizes.delayed)
        tell("jobs that do nothing")
        await drain(subject, noop.bind(DATA), WARM_UP)
        busy = await drain(subject, noop.bind(DATA), sizes.drained)
        tell("jobs that wait for 10 ms")
        waiting = await drain(subject, sleep.bind(SHORT), sizes.slept)
    tell("jobs that do nothing, with a log of warnings only")
    async with _daemon(stores, level="warning") as subject:
        await drain(subject, noop.bind(DATA), WARM_UP)
        quiet = await drain(subject, noop.bind(DATA), sizes.drained)
    return Figures(enqueued, delay, busy, waiting, quiet, None if begin is None else begin.rss)


@asynccontextmanager
async def _daemon(stores: Stores, *, level: str = "info") -> AsyncIterator[Subject]:
    with TemporaryDirectory(prefix="stoker-bench-") as folder:
        async with (
            stores.empty() as store,
            running(store, Path(folder), slots=SLOTS, level=level) as subject,
        ):
            yield subject
