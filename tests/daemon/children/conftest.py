import itertools
import os
import select
import textwrap
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.daemon.children.pool import ChildPool, ChildSpec
from stoker.daemon.settings import Settings
from stoker.jobs.events import Event
from stoker.jobs.job import Claim, LogLine, Report

LIMIT = 20.0
"""Seconds after which a test gives up; nothing here takes a fraction of it."""


class Heard:
    """A sink that keeps what a run says, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self._news = anyio.Event()

    def progress(self, claim: Claim, percent: float, message: str | None) -> None:
        self._add("progress", percent, message)

    def log(self, claim: Claim, message: str, level: str) -> None:
        self._add("log", message, level)

    def _add(self, *what: Any) -> None:
        self.said.append(what)
        self._news.set()
        self._news = anyio.Event()

    def take_news(self) -> Report:
        """Everything, as if nothing had been stored yet."""
        lines = tuple(LogLine(datetime.now(UTC), text) for text in self.lines)
        self.said.clear()
        return Report(id="job", token="token", logs=lines)

    @property
    def lines(self) -> list[str]:
        return [what[1] for what in self.said if what[0] == "log"]

    async def line(self, number: int = 0) -> str:
        """The log line with this number, once it is there."""
        while len(self.lines) <= number:
            await self._news.wait()
        return self.lines[number]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def events() -> list[Event]:
    return []


_NUMBERS = itertools.count(1)


@pytest.fixture
def claim() -> Callable[..., Claim]:
    def make(type: str, payload: bytes = b"{}", **more: Any) -> Claim:
        now = datetime.now(UTC)
        values = {
            "id": f"job-{next(_NUMBERS)}",
            "token": "token",
            "type": type,
            "queue": "default",
            "priority": 5,
            "payload": payload,
            "attempts": 1,
            "max_attempts": 3,
            "created_at": now,
            "scheduled_at": now,
            "started_at": now,
        }
        return Claim(**(values | more))

    return make


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], str]:
    """Writes a module of handlers; gives its name."""

    def write(source: str) -> str:
        name = f"jobs_{next(_NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(_HEADER + textwrap.dedent(source))
        return name

    return write


_HEADER = """
import asyncio, ctypes, itertools, os, signal, sys, time
from contextlib import contextmanager
from pathlib import Path
from stoker.handlers import Cancel, Context, Fail, Snooze, handler, resource
"""


@pytest.fixture
async def pool(
    module: Callable[[str], str], tmp_path: Path, events: list[Event]
) -> AsyncIterator[Callable[..., ChildPool]]:
    """Makes a pool whose children know the handlers in this source."""
    pools: list[ChildPool] = []

    def make(source: str, *, size: int = 1, grace: float = 10.0, **more: Any) -> ChildPool:
        settings = Settings(handlers=(module(source),), **more)
        spec = ChildSpec(settings, "worker-1", tmp_path)
        made = ChildPool(
            size=size,
            spec=spec,
            emit=events.append,
            cancel_grace=grace,
            patience=lambda failures: 0.01,
        )
        pools.append(made)
        return made

    yield make
    with anyio.fail_after(LIMIT):
        for made in pools:
            await made.close()
            assert made.pids == []


@pytest.fixture
def gone() -> Callable[..., Any]:
    """Waits until the process with this pidfd has ended."""

    async def wait(pidfd: int) -> None:
        await anyio.wait_readable(pidfd)
        assert select.select([pidfd], [], [], 0)[0]
        os.close(pidfd)

    return wait
