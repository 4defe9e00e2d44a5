"""The life of a daemon, and of a worker process: from its configuration to its exit status.

The first SIGTERM or SIGINT stops in order, a second one hurries. Exit statuses: 0 after a stop, 1 if
the daemon could not go on, 75 if it must be replaced because a thread could not be ended: a service
manager restarts it, and its jobs were given back or are claimed anew when their leases end.
"""

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from stoker.brokers.connecting import without_password
from stoker.daemon import tree
from stoker.daemon.children.worker import WorkerLife
from stoker.daemon.configuration import Configuration
from stoker.daemon.identity import worker_name
from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.logs import configure_logs
from stoker.daemon.readiness import Readiness, both
from stoker.daemon.schedules import declarations
from stoker.daemon.settings import Settings
from stoker.daemon.stopping import Signals, Stopping
from stoker.daemon.surroundings import Surroundings
from stoker.daemon.workplace import EXIT_DOOMED, Workplace, leave_for_good, open_broker, open_workplace
from stoker.jobs.clock import SystemClock
from stoker.jobs.events import DaemonStarted, DaemonStopped

DOOMED = "a thread cannot be ended"


async def run_daemon(configuration: Configuration) -> int:
    """Run until a signal stops it; the exit status.

    Raises StokerError if it cannot start, or can no longer go on.
    """
    settings = configuration.settings
    around = _surroundings(settings, configuration.relative_to, worker_name(settings, os.getpid()))
    several = settings.mode == "consumer" and settings.processes > 1
    signals = Signals(around)
    status = 0
    with signals.heard():
        status = await (_run_parent(around, signals) if several else _run_alone(around, signals))
    return status


async def run_worker(life: WorkerLife) -> None:
    """Work as one of the processes of a daemon, until cancelled or doomed."""
    around = _surroundings(life.settings, life.relative_to, life.name)
    async with _at_work(around) as place:
        stopping = _stopping(place)
        _started(around, "worker", len(place.handlers))
        stopping.hurry_on(life.hurried)
        await stopping.run(tree.worker(place))


async def _run_alone(around: Surroundings, signals: Signals) -> int:
    mode = around.settings.mode
    async with _at_work(around) as place:
        stopping = _stopping(place)
        signals.stop_with(stopping)
        _started(around, mode, len(place.handlers))
        await stopping.run(tree.producer(place) if mode == "producer" else tree.whole(place))
    return EXIT_DOOMED if place.runs.doomed.is_set() else 0


async def _run_parent(around: Surroundings, signals: Signals) -> int:
    async with open_broker(around) as broker:
        # Found now, in one sentence, and not by each child anew.
        handlers = load_handlers(around.settings, around.relative_to)
        load_middleware(around.settings.middleware)
        declarations(around.settings, handlers)
        actor, workers = tree.parent(around, broker)
        stopping = Stopping(around, hurry=workers.hurry, running=lambda: None)
        signals.stop_with(stopping)
        _started(around, "parent", len(handlers))
        await stopping.run(actor)
    around.emit(DaemonStopped(around.name))
    return 0


def _surroundings(settings: Settings, relative_to: Path, name: str) -> Surroundings:
    log, clock = configure_logs(settings.log), SystemClock()
    readiness = Readiness(clock)
    return Surroundings(
        settings,
        relative_to,
        name,
        emit=both(log, readiness),
        write_logs=log.close,
        clock=clock,
        started_at=datetime.now(UTC),
        readiness=readiness,
    )


def _stopping(place: Workplace) -> Stopping:
    runs = place.runs
    stopping = Stopping(place.around, hurry=runs.hurried.set, running=lambda: runs.active)
    stopping.stop_on(runs.doomed, DOOMED)
    return stopping


@asynccontextmanager
async def _at_work(around: Surroundings) -> AsyncIterator[Workplace]:
    """A workplace with its broker. If something of a run still goes on afterwards, the process ends."""
    place: Workplace | None = None
    try:
        async with open_broker(around) as broker, open_workplace(around, broker) as place:
            _keep_for_good()
            yield place
            around.emit(DaemonStopped(around.name))
    finally:
        if place is not None and place.runs.abandoned:
            leave_for_good(around)


def _keep_for_good() -> None:
    """What a start has made stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def _started(around: Surroundings, mode: str, types: int) -> None:
    settings = around.settings
    slots = 0 if mode == "producer" else settings.max_concurrency
    if mode == "parent":
        slots *= settings.processes
    around.emit(DaemonStarted(around.name, without_password(settings.broker), mode, slots, types))
