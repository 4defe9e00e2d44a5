"""Where the microseconds of a job go, by part of the code: a drain by a daemon with seams in it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from seams import Spent

from stoker.daemon.measuring.figures import WARM_UP
from stoker.daemon.measuring.handlers import DATA, noop
from stoker.daemon.measuring.measures import SERVER, Drain, drain
from stoker.daemon.measuring.report import Line, thread_name
from stoker.daemon.measuring.stores import Stores
from stoker.daemon.measuring.subject import running

COUNTED = Path(__file__).with_name("counted_daemon.py")
LEAST = 0.1
"""Microseconds for a job below which a part is not listed."""


async def parts(engine: str, stores: Stores, jobs: int) -> list[Line]:
    """Microseconds of processor time for a no-op job, by thread and part, and of the store's server."""
    with TemporaryDirectory(prefix="stoker-bench-") as name:
        out = Path(name, "spent.json")
        program = str(COUNTED), str(out), engine
        async with stores.empty() as store, running(store, Path(name), program=program) as subject:
            await drain(subject, noop.bind(DATA), WARM_UP)
            done = await drain(subject, noop.bind(DATA), jobs)
        spent = _read(out)
    return [line for thread in done.cpu for line in _of_thread(thread, spent, done)]


def _read(path: Path) -> list[Spent]:
    return msgspec.json.decode(path.read_bytes(), type=list[Spent])


def _of_thread(thread: str, spent: Sequence[Spent], done: Drain) -> Iterator[Line]:
    if thread == SERVER:
        yield Line(thread_name(thread), done.cpu[thread], "µs")
        return
    mine = sorted((one for one in spent if one.thread == thread), key=lambda one: -one.micros)
    # Counted from the daemon's start, while the thread's own time is that of the drain.
    jobs = done.jobs + WARM_UP
    rest = done.cpu[thread] - sum(one.micros + one.seams for one in mine) / jobs
    found = [*((one.part, one.micros / jobs) for one in mine), ("the rest" if mine else "all", rest)]
    for part, micros in found:
        if micros >= LEAST:
            yield Line(f"{thread_name(thread)} · {part}", micros, "µs")
