"""Figures as a list, one line each, for tables and for JSON."""

from collections.abc import Iterator, Sequence

import msgspec

from stoker.daemon.measuring.figures import Figures
from stoker.daemon.measuring.machine import Machine
from stoker.daemon.measuring.measures import SERVER

_THREADS = {
    "MainThread": "event loop",
    "stoker-sqlite-writer": "SQLite writer",
    "stoker-log": "log writer",
}
_NEGLIGIBLE = 0.1
"""Microseconds for a job below which a thread is not listed."""


class Line(msgspec.Struct, frozen=True):
    """One figure."""

    name: str
    value: float
    unit: str


def lines(figures: Figures) -> list[Line]:
    """The figures, in the order in which they are read."""
    return [*_rates(figures), *_delay(figures), *_memory(figures), *_cpu(figures)]


def thread_name(name: str) -> str:
    """What a thread of the daemon is called here."""
    return _THREADS.get(name, name)


def number(value: float) -> str:
    """For people: as many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def facts(machine: Machine) -> Sequence[tuple[str, str]]:
    """What stands above a table of figures."""
    return (
        ("stoker", machine.stoker),
        ("python", machine.python),
        ("system", machine.system),
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("load", "" if machine.load is None else f"{machine.load:.1f} before the start"),
        ("disk", f"{machine.sync:.0f} µs to make a write durable"),
    )


def _rates(figures: Figures) -> Iterator[Line]:
    yield Line("enqueue, one by one", figures.enqueue.singly, "jobs/s")
    yield Line("enqueue, 1000 at once", figures.enqueue.in_bulk, "jobs/s")
    yield Line("drain, no-op", figures.noop.per_second, "jobs/s")
    yield Line("drain, no-op, log of warnings", figures.quiet.per_second, "jobs/s")
    yield Line("drain, 10 ms", figures.sleep.per_second, "jobs/s")


def _delay(figures: Figures) -> Iterator[Line]:
    for name in ("p50", "p95", "p99"):
        yield Line(f"from enqueue to start, {name}", getattr(figures.delay, name), "ms")


def _memory(figures: Figures) -> Iterator[Line]:
    if figures.idle is not None:
        yield Line("memory, idle", figures.idle, "MiB")
    if (after := figures.noop.after) is not None:
        yield Line(f"memory, after {figures.noop.jobs:,} jobs", after.rss, "MiB")
    if (after := figures.sleep.after) is not None:
        yield Line("memory, at most", max(after.peak, after.rss), "MiB")


def _cpu(figures: Figures) -> Iterator[Line]:
    used = figures.noop.cpu
    if used:
        own = sum(micros for thread, micros in used.items() if thread != SERVER)
        yield Line("CPU of a no-op job", own, "µs")
    for thread, micros in sorted(used.items(), key=lambda one: -one[1]):
        if micros >= _NEGLIGIBLE:
            yield Line(f"… {thread_name(thread)}", micros, "µs")
