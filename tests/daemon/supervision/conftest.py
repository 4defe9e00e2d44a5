import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest
from anyio.abc import TaskStatus

from stoker.daemon.supervision.supervisor import Supervisor
from stoker.jobs.clock import FakeClock
from stoker.jobs.events import Event

LIMIT = 10.0
"""Seconds after which a test gives up; nothing here takes a fraction of it."""


class Diary(list[str]):
    """What happened, in order; one can wait for a line."""

    def __init__(self) -> None:
        self._written = anyio.Event()

    def write(self, line: str) -> None:
        self.append(line)
        self._written.set()
        self._written = anyio.Event()

    async def reads(self, line: str, times: int = 1) -> None:
        """Wait until the line has been written so often."""
        with anyio.fail_after(LIMIT):
            while self.count(line) < times:
                await self._written.wait()


class Player:
    """An actor that does as it is told, and writes down when it is up and when it ends."""

    def __init__(self, name: str, diary: Diary) -> None:
        self.name = name
        self.diary = diary
        self.starts_with: list[Exception] = []
        """What its next starts fail with, before it is up."""
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.may_end = asyncio.Event()
        """Set, it ends at once when it is stopped."""
        self.may_end.set()
        self.last_words: Exception | None = None
        """What it raises when it is stopped."""
        self._order: asyncio.Future[None]

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        self._order = asyncio.get_running_loop().create_future()
        self.diary.write(f"{self.name} starts")
        await self.may_start.wait()
        if self.starts_with:
            raise self.starts_with.pop(0)
        self.diary.write(f"{self.name} is up")
        task_status.started()
        try:
            await asyncio.shield(self._order)
        except asyncio.CancelledError:
            if self._order.cancelled():
                raise
            self.diary.write(f"{self.name} is told to end")
            with anyio.CancelScope(shield=True):
                await self.may_end.wait()
            self.diary.write(f"{self.name} ends")
            if self.last_words is not None:
                raise self.last_words from None
            raise

    def fall(self, error: Exception | None = None) -> None:
        self._order.set_exception(error or RuntimeError(f"{self.name} stumbled"))

    def be_cancelled_from_inside(self) -> None:
        self._order.cancel()

    def leave(self) -> None:
        self._order.set_result(None)


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def players(diary: Diary) -> list[Player]:
    return [Player(name, diary) for name in ("one", "two", "three")]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


Running = Callable[[Supervisor], AbstractAsyncContextManager[None]]


@pytest.fixture
def running() -> Running:
    """Within, the supervisor and all its children are up; then it is cancelled and waited for.

    Raises what the supervisor raised.
    """

    @asynccontextmanager
    async def run(supervisor: Supervisor) -> AsyncIterator[None]:
        try:
            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as group:
                    await group.start(supervisor.run)
                    yield
                    group.cancel_scope.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__

    return run
