"""Named pipes between a test and the processes that it watches."""

import os
from pathlib import Path

import anyio

LIMIT = 30.0
"""Seconds after which a test gives a wait up; all of them take a fraction of that."""


class Told:
    """What handlers say to the test, line by line."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        self._lines: list[list[str]] = []

    async def next(self, *first: str) -> list[str]:
        """The words of the oldest line that begins with these, once it is there; it is taken out."""
        try:
            with anyio.fail_after(LIMIT):
                while True:
                    for line in self._lines:
                        if line[: len(first)] == list(first):
                            self._lines.remove(line)
                            return line
                    await self._read()
        except TimeoutError:
            raise AssertionError(f"nobody told {first}; others: {self._lines}") from None

    def so_far(self, *first: str) -> list[list[str]]:
        """The lines that begin with these and have been told, without a wait."""
        while (data := self._data()) is not None:
            self._take(data)
        return [line for line in self._lines if line[: len(first)] == list(first)]

    async def _read(self) -> None:
        await anyio.wait_readable(self._fd)
        if (data := self._data()) is not None:
            self._take(data)

    def _data(self) -> bytes | None:
        try:
            return os.read(self._fd, 65536)
        except BlockingIOError:
            return None

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += [line.decode().split(" ", 3) for line in lines]

    def close(self) -> None:
        os.close(self._fd)


class Go:
    """A pipe that runs wait at until they are let go, one for each line."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Open for as long as the test: what nobody has read yet waits here.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __call__(self, runs: int = 1) -> None:
        os.write(self._fd, b"go\n" * runs)

    def close(self) -> None:
        os.close(self._fd)
