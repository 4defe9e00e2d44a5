"""A child process, as its parent sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from stoker.daemon.children.frames import FromChild, Stop, ToChild, Unpacker, packed
from stoker.daemon.children.process_end import describe_end

LAST_BREATH = 2.0
"""Seconds from the end of a child's socket until its process must have ended as well."""


class Child:
    """One process, from its spawning until it is reaped.

    `hear` is called with every frame, in order; `ended` is done when the process is reaped and all
    that it has said is heard.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.hear: Callable[[FromChild], None] = lambda frame: None
        self.told_to_end = False
        """Its end is our wish."""
        self.last_words: str | None = None
        """Why it gave up, as it said itself."""
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._process = process
        self._line: _Line | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def code(self) -> int | None:
        return self._process.returncode

    @property
    def usable(self) -> bool:
        line = self._line
        return not self.told_to_end and self.code is None and line is not None and not line.lost.done()

    def describe_end(self) -> str:
        return self.last_words or describe_end(self.code)

    def send(self, frame: ToChild) -> None:
        """Say this; nothing if the child is gone."""
        if self._line is not None:
            self._line.send(packed(frame))

    def stop(self) -> None:
        """Ask it to end in order."""
        self.told_to_end = True
        self.send(Stop())

    def signal_group(self, number: signal.Signals) -> None:
        """Signal it and what it has started."""
        self.told_to_end = True
        self._signal_group(number)

    def _signal_group(self, number: signal.Signals) -> None:
        # Not found: all of them have ended. macOS refuses where only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        self.signal_group(signal.SIGKILL)

    async def end_within(self, seconds: float) -> int:
        """Ask it to end, wait so long, and kill it; reaped when this returns. Its exit code."""
        self.stop()
        try:
            done, _ = await asyncio.wait([self.ended], timeout=seconds)
            if not done:
                self.kill()
            return await asyncio.shield(self.ended)
        except asyncio.CancelledError:
            self.kill()
            raise

    async def _attach(self, ours: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._line = line = _Line(self)
        await loop.create_connection(lambda: line, sock=ours)
        self._watching = loop.create_task(self._watch(line))

    async def _watch(self, line: "_Line") -> None:
        exited = asyncio.ensure_future(self._process.wait())
        ends: list[asyncio.Future[Any]] = [exited, line.lost]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not exited.done():
            await asyncio.wait([exited], timeout=LAST_BREATH)
            if not exited.done():
                self.kill()
        await exited
        # Something that it started may hold the other end still: hear what is there, no more.
        line.close_after_the_rest()
        await line.lost
        self._signal_group(signal.SIGKILL)  # what it has left behind
        self.ended.set_result(await exited)


class _Line(asyncio.Protocol):
    """The parent's end of the socket."""

    def __init__(self, child: Child) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._child = child
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._unpacker.feed(data):
                self._child.hear(frame)
        except msgspec.MsgspecError:
            # Somebody wrote into the child's socket; nothing that it says can be relied upon.
            self._child.kill()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close_after_the_rest(self) -> None:
        if self._transport is None or self.lost.done():
            return
        ours = self._transport.get_extra_info("socket")
        try:
            ours.shutdown(socket.SHUT_RD)  # what is already there can still be read
        except OSError:
            self._transport.abort()


async def spawn(entry: str) -> Child:
    """A fresh interpreter that runs this module of `stoker.daemon.children`, in its own session.

    Of this process it inherits the environment, standard output and error, and one end of a socket
    pair. Call it on a thread that lives as long as the process; see `die_with_parent`.
    """
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                f"stoker.daemon.children.{entry}",
                str(theirs.fileno()),
                str(os.getpid()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    child = Child(process)
    try:
        await child._attach(ours)
    except BaseException:
        child.kill()
        ours.close()
        raise
    return child
