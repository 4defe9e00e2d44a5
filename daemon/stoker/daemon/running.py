"""The life of a daemon, and of a worker process: from its configuration to its exit status.

The first SIGTERM or SIGINT stops in order, a second one hurries. Exit statuses: 0 after a stop, 1 if
the daemon could not go on, 75 if it must be replaced because a thread could not be ended: a service
manager restarts it, and its jobs were given back or are claimed anew when their leases end.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio

from stoker.brokers.protocol import Broker
from stoker.daemon import tree
from stoker.daemon.children.worker import WorkerLife
from stoker.daemon.configuration import Configuration
from stoker.daemon.identity import worker_name
from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.logs import configure_logs
from stoker.daemon.runs.runs import Runs
from stoker.daemon.settings import Settings
from stoker.daemon.supervision.actor import Actor
from stoker.daemon.surroundings import Surroundings
from stoker.daemon.workplace import EXIT_DOOMED, Workplace, leave_for_good, open_broker, open_workplace
from stoker.jobs.clock import SystemClock

Hurry = Callable[[], None]


async def run_daemon(configuration: Configuration) -> int:
    """Run until a signal stops it; the exit status.

    Raises StokerError if it cannot start, or can no longer go on.
    """
    settings = configuration.settings
    around = _surroundings(settings, configuration.relative_to, worker_name(settings, os.getpid()))
    if settings.mode == "consumer" and settings.processes > 1:
        async with open_broker(around) as broker:
            return await _run_parent(around, broker)
    async with _at_work(around) as place:
        make = tree.producer if settings.mode == "producer" else tree.whole
        await _until_stopped(make(place), place.runs.hurried.set, place.runs)
    return EXIT_DOOMED if place.runs.doomed.is_set() else 0


async def run_worker(life: WorkerLife) -> None:
    """Work as one of the processes of a daemon, until cancelled or doomed."""
    around = _surroundings(life.settings, life.relative_to, life.name)
    async with _at_work(around) as place, _passing_on(life.hurried, place.runs.hurried.set):
        with anyio.CancelScope() as scope:
            await _until_doomed(tree.worker(place), place.runs, scope)


def _surroundings(settings: Settings, relative_to: Path, name: str) -> Surroundings:
    log = configure_logs(settings.log)
    return Surroundings(settings, relative_to, name, log, SystemClock(), datetime.now(UTC))


@asynccontextmanager
async def _at_work(around: Surroundings) -> AsyncIterator[Workplace]:
    """A workplace with its broker. If something of a run still goes on afterwards, the process ends."""
    place: Workplace | None = None
    try:
        async with open_broker(around) as broker, open_workplace(around, broker) as place:
            yield place
    finally:
        if place is not None and place.runs.abandoned:
            leave_for_good()


async def _run_parent(around: Surroundings, broker: Broker) -> int:
    # Found now, in one sentence, and not by each child anew.
    load_handlers(around.settings, around.relative_to)
    load_middleware(around.settings.middleware)
    actor, workers = tree.parent(around, broker)
    await _until_stopped(actor, workers.hurry, None)
    return 0


async def _until_stopped(actor: Actor, hurry: Hurry, runs: Runs | None) -> None:
    with anyio.CancelScope() as scope:
        async with _signals(scope, hurry):
            if runs is None:
                await actor.run(task_status=anyio.TASK_STATUS_IGNORED)
            else:
                await _until_doomed(actor, runs, scope)


async def _until_doomed(actor: Actor, runs: Runs, scope: anyio.CancelScope) -> None:
    async with _passing_on(runs.doomed, scope.cancel):
        await actor.run(task_status=anyio.TASK_STATUS_IGNORED)


@asynccontextmanager
async def _passing_on(event: asyncio.Event, call: Hurry) -> AsyncIterator[None]:
    """Within, the call follows the event."""

    async def wait() -> None:
        await event.wait()
        call()

    waiting = asyncio.ensure_future(wait())
    try:
        yield
    finally:
        waiting.cancel()


@asynccontextmanager
async def _signals(scope: anyio.CancelScope, hurry: Hurry) -> AsyncIterator[None]:
    """Within, the first signal cancels the scope, and every other one hurries."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if scope.cancel_called:
            hurry()
        else:
            scope.cancel()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
