"""Lines on their way out: whoever logs never waits for whoever reads.

A terminal that is stopped with Ctrl-S, or a full pipe, blocks a write for as long as it likes. On the
event loop that would stall every job, and on the keeper's thread it would cost the leases.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

LIMIT = 20_000
"""Lines that wait, at most; more are left out, and their number is told."""
BATCH = 64 * 1024
"""Bytes written at once, about: what a pipe holds."""
GATHER = 0.002
"""Seconds from the first line until the write, so that those close behind it go along."""


class LineWriter:
    """Writes whole lines to a file descriptor, in order, from a thread of its own."""

    def __init__(self, fd: int, notice: Callable[[int], bytes], *, limit: int = LIMIT) -> None:
        """`notice` makes the line that stands for so many that were left out."""
        self._fd = fd
        self._notice = notice
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._wake = threading.Event()
        self._waiting = False
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="stoker-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Take this line, which ends with a newline. From any thread; returns at once."""
        if len(self._lines) >= self._limit:
            self._dropped += 1
            return
        self._lines.append(line)
        # Either this sees that the thread waits, or the thread, which looks once more after it has
        # said so, sees the line. It is woken once; until it gets to run, the lines only gather.
        if self._waiting:
            self._waiting = False
            self._wake.set()

    def close(self, within: float = 2.0) -> None:
        """Write what is there, in so many seconds at most; lines that come later are lost."""
        self._closed = True
        self._wake.set()
        self._thread.join(within)

    def _write_all(self) -> None:
        while True:
            if not self._lines:
                if self._closed:
                    return
                self._wait()
            while self._lines:
                self._write(self._batch())

    def _wait(self) -> None:
        self._wake.clear()
        self._waiting = True
        if not self._lines and not self._closed:
            self._wake.wait()
        self._waiting = False
        if not self._closed:
            time.sleep(GATHER)

    def _batch(self) -> bytes:
        lines: list[bytes] = []
        size = 0
        while self._lines and size < BATCH:
            line = self._lines.popleft()
            lines.append(line)
            size += len(line)
        if self._dropped and not self._lines:
            dropped, self._dropped = self._dropped, 0
            lines.append(self._notice(dropped))
        return b"".join(lines)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                select.select([], [self._fd], [], 1.0)
            except OSError:
                return  # the reader is gone, or the disk is full: there is nobody to tell
