"""The daemon as a process of its own, as an operator would start it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Never

from stoker.jobs.errors import StokerError

STOP_LIMIT = 15.0
"""Seconds that the daemon has for ending in order."""
TAIL = 15
"""Last lines of its log to show when something is wrong."""


class DaemonGone(StokerError):
    """The daemon ended although nobody asked it to."""


class DaemonProcess:
    """A running `python -m stoker.daemon run`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    async def watch(self) -> Never:
        """Wait for its end, and raise DaemonGone with its last words: it should go on."""
        code = await self._process.wait()
        raise DaemonGone(f"the daemon ended with status {code}; its log ends:\n{self.last_words()}")

    def last_words(self) -> str:
        """The last lines of its log."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-TAIL:])

    async def stop(self) -> int | None:
        """Ask it to end, insist if need be; answers its exit status, None if it had to be killed."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT):
                return await self._process.wait()
        except TimeoutError:
            return None
        finally:
            if self._process.returncode is None:
                # It leads a group of its own, so what it has started ends with it.
                os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()


@asynccontextmanager
async def start_daemon(
    config: Path,
    *,
    log: Path,
    environment: Mapping[str, str],
    program: Sequence[str] = ("-m", "stoker.daemon"),
) -> AsyncIterator[DaemonProcess]:
    """A daemon with this configuration, in its folder; stopped at the end, however that comes about.

    `program` is what Python is given to run: the command line, or what stands in for it.
    """
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            "run",
            "--config",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            cwd=config.parent,
            start_new_session=True,
        )
    daemon = DaemonProcess(process, log)
    try:
        yield daemon
    finally:
        await daemon.stop()
