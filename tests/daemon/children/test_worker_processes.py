import asyncio
import os
import signal
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.daemon.children.worker_processes import WorkerProcesses, wait_after_deaths
from stoker.daemon.identity import worker_name
from stoker.daemon.settings import Settings
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Event, ProcessEnded, StoreLost

Start = Callable[..., Any]


class Told:
    """What worker processes say to the test, line by line, through a named pipe."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""

    async def line(self) -> list[str]:
        while b"\n" not in self._rest:
            await anyio.wait_readable(self.fd)
            self._rest += os.read(self.fd, 65536)
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode().split()


class Reclaimed:
    """Takes the names of those whose jobs are given back."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failures = 0
        self._called = anyio.Event()

    async def __call__(self, name: str) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("out")
        self.names.append(name)
        self._called.set()
        self._called = anyio.Event()

    async def until(self, count: int) -> list[str]:
        while len(self.names) < count:
            await self._called.wait()
        return self.names


@pytest.fixture
def told(tmp_path: Path) -> Any:
    told = Told(tmp_path / "told")
    yield told
    os.close(told.fd)


@pytest.fixture
def reclaimed() -> Reclaimed:
    return Reclaimed()


@pytest.fixture
def start(
    tmp_path: Path,
    events: list[Event],
    reclaimed: Reclaimed,
    monkeypatch: pytest.MonkeyPatch,
    told: Told,
) -> Start:
    """Keeps worker processes that run `work(life)` of this source, for the length of a block."""
    monkeypatch.syspath_prepend(tmp_path)

    @asynccontextmanager
    async def start(
        source: str,
        *,
        processes: int = 1,
        lease: float = 15.0,
        grace: float = 10.0,
        late: float = 3600.0,
    ) -> AsyncIterator[WorkerProcesses]:
        (tmp_path / "worked.py").write_text(_HEADER + textwrap.dedent(source))
        settings = Settings(
            processes=processes, lease=lease, shutdown_grace=grace / 2, cancel_grace=grace / 2
        )
        workers = WorkerProcesses(
            settings=settings,
            relative_to=tmp_path,
            emit=events.append,
            reclaim=reclaimed,
            entry="worked:work",
            beat=0.05,
            patience=lambda deaths: 0.0,
            late=late,
        )
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(workers.run)
                try:
                    yield workers
                finally:
                    group.cancel_scope.cancel()
        assert workers.pids == []

    return start


_HEADER = """
import asyncio, itertools, os, signal, sys

def tell(life, *words):
    with open(life.relative_to / "told", "w") as told:
        told.write(" ".join(str(word) for word in words) + "\\n")
"""

STEADY = """
    async def work(life):
        tell(life, life.name, os.getpid())
        await asyncio.sleep(3600)
"""


async def test_each_process_has_a_name_of_its_own_that_tells_host_and_pid(
    start: Start, told: Told
) -> None:
    async with start(STEADY, processes=2) as workers:
        lines = [await told.line(), await told.line()]
        assert len({name for name, _ in lines}) == 2
        assert sorted(int(pid) for _, pid in lines) == workers.pids
        for name, pid in lines:
            assert f"{os.uname().nodename}-{pid}-" in name


async def test_a_dead_process_is_replaced_and_its_jobs_are_given_back_at_once(
    start: Start, told: Told, reclaimed: Reclaimed, events: list[Event]
) -> None:
    async with start(STEADY):
        first, pid = await told.line()
        os.kill(int(pid), signal.SIGKILL)
        second, other = await told.line()
        assert await reclaimed.until(1) == [first]
        assert second != first
        assert events == [ProcessEnded("worker", int(pid), -9, False, "signal 9 (SIGKILL)")]
    assert events[1:] == [ProcessEnded("worker", int(other), 0, True, "exit code 0")]
    assert reclaimed.names == [first]


async def test_what_a_dead_process_had_sent_may_come_late_and_is_looked_for_again(
    start: Start, told: Told, reclaimed: Reclaimed
) -> None:
    async with start(STEADY, late=0.1):
        first, pid = await told.line()
        os.kill(int(pid), signal.SIGKILL)
        assert await reclaimed.until(2) == [first] * 2


async def test_a_silent_process_is_killed_and_replaced(
    start: Start, told: Told, reclaimed: Reclaimed, events: list[Event]
) -> None:
    async with start(STEADY, lease=2.0):
        first, pid = await told.line()
        os.kill(int(pid), signal.SIGSTOP)
        await told.line()
        assert await reclaimed.until(1) == [first]
        (end,) = events
        assert isinstance(end, ProcessEnded) and end.code == -9 and not end.expected
        assert end.detail.startswith("killed: it was silent for 1.6")


async def test_a_block_that_holds_the_interpreter_counts_as_silence(
    start: Start, told: Told, reclaimed: Reclaimed
) -> None:
    source = """
        async def work(life):
            tell(life, life.name)
            await asyncio.sleep(0.1)
            all(itertools.repeat(1))
    """
    async with start(source, lease=2.0):
        (first,) = await told.line()
        assert await reclaimed.until(1) == [first]


async def test_a_process_that_returns_unasked_is_replaced(start: Start, told: Told) -> None:
    source = """
        async def work(life):
            tell(life, os.getpid())
    """
    async with start(source):
        assert await told.line() != await told.line()


async def test_a_worker_that_cannot_start_is_tried_again_and_told(
    start: Start, reclaimed: Reclaimed, events: list[Event]
) -> None:
    async with start("raise RuntimeError('no database')"):
        await reclaimed.until(2)
    assert isinstance(events[0], ProcessEnded)
    assert (events[0].code, events[0].detail) == (1, "RuntimeError: no database")


async def test_cancelling_lets_the_processes_drain(start: Start, told: Told) -> None:
    source = """
        async def work(life):
            tell(life, "up")
            try:
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.01)
                tell(life, "drained")
    """
    async with start(source):
        assert await told.line() == ["up"]
    assert await told.line() == ["drained"]


async def test_hurry_reaches_a_process_that_drains(
    start: Start, told: Told, events: list[Event]
) -> None:
    source = """
        async def work(life):
            tell(life, "up")
            try:
                await asyncio.sleep(3600)
            finally:
                tell(life, "draining")
                await life.hurried.wait()
    """
    async with start(source) as workers:
        assert await told.line() == ["up"]

        async def hurry() -> None:
            assert await told.line() == ["draining"]
            workers.hurry()

        hurrying = asyncio.ensure_future(hurry())
    await hurrying
    assert [e.code for e in events if isinstance(e, ProcessEnded)] == [0]


async def test_who_does_not_drain_in_time_is_killed_and_its_jobs_given_back(
    start: Start, told: Told, reclaimed: Reclaimed, events: list[Event]
) -> None:
    source = """
        async def work(life):
            tell(life, life.name)
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass
    """
    async with start(source, grace=0.1, lease=3.0):
        (name,) = await told.line()
    assert reclaimed.names == [name]
    assert [e.code for e in events if isinstance(e, ProcessEnded)] == [-9]


async def test_sigterm_to_a_process_drains_it_without_hurry(start: Start, told: Told) -> None:
    source = """
        async def work(life):
            tell(life, os.getpid())
            try:
                await asyncio.sleep(3600)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(0.01)
                tell(life, "hurried" if life.hurried.is_set() else "in order")
    """
    async with start(source):
        (pid,) = await told.line()
        os.kill(int(pid), signal.SIGTERM)
        assert await told.line() == ["in", "order"]


async def test_a_store_that_is_out_is_asked_again_to_give_jobs_back(
    start: Start, told: Told, reclaimed: Reclaimed, events: list[Event]
) -> None:
    reclaimed.failures = 2
    async with start(STEADY):
        first, pid = await told.line()
        os.kill(int(pid), signal.SIGKILL)
        assert await reclaimed.until(1) == [first]
    assert sum(isinstance(event, StoreLost) for event in events) == 2


async def test_when_all_have_ended_no_descriptors_are_left(start: Start, told: Told) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with start(STEADY, processes=2):
        _, pid = await told.line()
        os.kill(int(pid), signal.SIGKILL)
        await told.line(), await told.line()
    assert len(os.listdir("/proc/self/fd")) == before


def test_deaths_in_a_row_are_answered_ever_later_but_at_least_every_30_s() -> None:
    waits = [wait_after_deaths(deaths) for deaths in (1, 2, 4, 6, 1000)]
    assert waits == sorted(waits)
    assert waits[0] == 0 and 0 < waits[1] < 1 and 20 < waits[-1] <= 30


def test_a_name_is_never_given_twice() -> None:
    settings = Settings(name="front")
    assert worker_name(settings, 7).startswith("front-7-")
    assert worker_name(settings, 7) != worker_name(settings, 7)
