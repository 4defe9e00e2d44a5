"""A daemon in a process of its own, as an operator would start it, and what it says."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from .told import LIMIT

COMMAND = (sys.executable, "-m", "stoker.daemon", "run", "--config")
LONGEST_LINE = 1024 * 1024
TAIL = 12
STARTED = "stoker started"


class Daemon:
    """A running `stoker run`, in a session of its own."""

    def __init__(self, process: asyncio.subprocess.Process, heard: Callable[[], None]) -> None:
        """`heard` is called with each line that it says."""
        self.pid = process.pid
        self.lines: list[dict[str, Any]] = []
        """All that it has said; a line that is no JSON is one with nothing but an `event`."""
        self.over_at: int | None = None
        """Nanoseconds since the boot when its end was certain."""
        self._process = process
        self._heard = heard
        self._changed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, config: Path, heard: Callable[[], None]) -> "Daemon":
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=config.parent,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        return cls(process, heard)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            try:
                said = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                said = {"event": line.decode(errors="replace").rstrip("\n")}
            self.lines.append(said)
            self._tell()
        await self._process.wait()
        self.over_at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._heard()

    def said(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The lines so far whose text begins like this and that have these fields."""
        return [line for line in self.lines if _fits(line, event, fields)]

    async def says(self, event: str, *, times: int = 1, **fields: object) -> dict[str, Any]:
        """The first such line, or the one that makes it so many, once it is there."""
        with self._limit(f"{event!r} {fields}"):
            while len(said := self.said(event, **fields)) < times:
                assert self.over_at is None, f"it ended, and never said {event!r} {fields}: {self}"
                await self._changed.wait()
            return said[times - 1]

    async def ended(self) -> int:
        """Its exit status, once it has one and all is heard that it has said."""
        with self._limit("its end"):
            await asyncio.shield(self._listening)
        assert self._process.returncode is not None
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """To this process alone."""
        self._process.send_signal(number)

    async def stands_still(self) -> None:
        """Wait until it has been stopped by SIGSTOP, whoever sent it."""
        with self._limit("its stop"):
            await anyio.to_thread.run_sync(
                os.waitid, os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT, abandon_on_cancel=True
            )

    async def kill(self) -> None:
        """End it as nobody can prevent, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """Ask it to end; its exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def clear_away(self) -> None:
        """End it, and whatever it has left in its session."""
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
        await self.ended()

    def workers(self) -> list[int]:
        """The process ids of all worker processes that it ever had."""
        return [int(line["worker"].split("-")[-2]) for line in self.said(STARTED, mode="worker")]

    @contextmanager
    def _limit(self, what: str) -> Iterator[None]:
        try:
            with anyio.fail_after(LIMIT):
                yield
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {LIMIT:g} s: {self}") from None

    def __str__(self) -> str:
        last = "\n  ".join(str(line) for line in self.lines[-TAIL:])
        return f"daemon {self.pid}, status {self._process.returncode}:\n  {last}"


def kill_at_once(pid: int) -> int:
    """Kill a process that is no child of ours; nanoseconds since the boot just before that."""
    moment = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    os.kill(pid, signal.SIGKILL)
    return moment


async def gone(pidfd: int) -> None:
    """Wait until the process has ended whose descriptor this is."""
    with anyio.fail_after(LIMIT):
        await anyio.wait_readable(pidfd)
    os.close(pidfd)


def _fits(line: dict[str, Any], event: str, fields: dict[str, object]) -> bool:
    return str(line["event"]).startswith(event) and all(
        line.get(name) == value for name, value in fields.items()
    )
