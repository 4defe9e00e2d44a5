import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from stoker.daemon.readiness import Readiness
from stoker.daemon.settings import Settings
from stoker.daemon.stopping import Signals, Stopping
from stoker.daemon.surroundings import Surroundings
from stoker.jobs.clock import FakeClock
from stoker.jobs.events import DaemonStopping, Event

LIMIT = 10.0


class Waiting:
    """An actor that runs until it is cancelled, and says when it is up."""

    name = "waiting"

    def __init__(self) -> None:
        self.up = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        self.up.set()
        await anyio.sleep_forever()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def around(events: list[Event]) -> Surroundings:
    clock = FakeClock()
    return Surroundings(
        Settings(),
        Path.cwd(),
        "w",
        emit=events.append,
        write_logs=lambda: None,
        clock=clock,
        started_at=datetime.now(UTC),
        readiness=Readiness(clock),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_during_the_start_breaks_it_off(
    around: Surroundings, events: list[Event], number: signal.Signals
) -> None:
    ended = False
    with anyio.fail_after(LIMIT), Signals(around).heard():
        os.kill(os.getpid(), number)
        await anyio.sleep_forever()
        ended = True
    assert not ended
    assert events == [DaemonStopping("w", f"{number.name} during the start", None)]


async def test_what_else_cancels_a_start_passes_through(around: Surroundings) -> None:
    with anyio.CancelScope() as scope, Signals(around).heard():
        scope.cancel()
        await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_first_signal_stops_and_the_second_one_hurries(
    around: Surroundings, events: list[Event]
) -> None:
    hurried = anyio.Event()
    actor = Waiting()
    stopping = Stopping(around, hurry=hurried.set, running=lambda: 3)
    signals = Signals(around)
    with anyio.fail_after(LIMIT), signals.heard():
        signals.stop_with(stopping)
        async with anyio.create_task_group() as group:
            group.start_soon(stopping.run, actor)
            await actor.up.wait()
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        await hurried.wait()
    assert events == [
        DaemonStopping("w", "SIGTERM", 3),
        DaemonStopping("w", "SIGINT again: hurrying", 3),
    ]


async def test_an_event_stops_as_a_signal_does(around: Surroundings, events: list[Event]) -> None:
    doomed = asyncio.Event()
    actor = Waiting()
    stopping = Stopping(around, hurry=lambda: None, running=lambda: None)
    stopping.stop_on(doomed, "doomed")
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            group.start_soon(stopping.run, actor)
            await actor.up.wait()
            doomed.set()
    assert events == [DaemonStopping("w", "doomed", None)]
