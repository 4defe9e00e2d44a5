"""What a test of real processes may do to the place where its jobs are."""

import time
from contextlib import AbstractContextManager
from typing import Protocol

from .ledger import Ledger


class Store(Protocol):
    """Empty at first, and of one test."""

    url: str
    """For daemons, in whatever folder they work."""
    shown: str
    """How the broker's errors name it."""

    def keep_ledger(self) -> None:
        """Begin to keep it. The store is prepared by now, and nobody works yet."""
        ...

    def ledger(self) -> Ledger:
        """What the store was told so far, about leases and ends."""
        ...

    def calm(self) -> AbstractContextManager[None]:
        """Within, nobody is in the middle of a write that locks the others out."""
        ...

    def silent(self) -> AbstractContextManager[None]:
        """Within, it answers nobody: whoever asks for a write waits."""
        ...

    def wrongs(self) -> list[str]:
        """What is wrong with its own books, now that all jobs have ended; a sentence each."""
        ...


class Server(Store, Protocol):
    """A store that is a process, which may be killed."""

    forgetful: bool
    """Its kill may take along claims that it has given: their jobs are given again."""

    def kill(self) -> None:
        """End it as nobody can prevent; it is gone afterwards."""
        ...

    def start(self) -> None:
        """Start it again, on what it has kept; it answers afterwards. In the main thread."""
        ...


class WallClock:
    """Turns a server's times, which are those of this host's wall clock, into times since the boot."""

    def __init__(self) -> None:
        self._ahead = _ahead()

    def ahead(self) -> int:
        """Of the time since the boot, in nanoseconds.

        Raises AssertionError if the clock was set since the store was made: then nobody knows.
        """
        moved = _ahead() - self._ahead
        assert abs(moved) < MOST_MOVED, f"the wall clock was moved by {moved / 1e9:.3f} s meanwhile"
        return self._ahead


MOST_MOVED = 5_000_000
"""Nanoseconds: a clock that is kept right by and by moves so much in ten seconds."""
MICROSECOND = 1000
"""In nanoseconds: stores count in the one, the handlers in the other."""


def _ahead() -> int:
    """By the reading of both clocks, of several, in which least time passed."""
    readings = []
    for _ in range(10):
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wall = time.time_ns()
        passed = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - before
        readings.append((passed, wall - before - passed // 2))
    return min(readings)[1]
