"""Time, as something that is given, so that tests can move it."""

import time
from typing import Protocol

import msgspec


class Clock(Protocol):
    """What time it is, and how much of it has passed."""

    def now(self) -> float:
        """Wall time: seconds since 1970 in UTC. May jump."""
        ...

    def elapsed(self) -> float:
        """Seconds since an arbitrary start; never jumps, and counts suspend."""
        ...


class SystemClock:
    """This host's clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        # CLOCK_MONOTONIC stands still while a Linux host is suspended; leases do not.
        return time.clock_gettime(_ELAPSED)


_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Offset(msgspec.Struct):
    """Seconds that a broker adds to its server's clock, at the one place where it reads it.

    Only tests move it: so leases, delays and retention are tried on real servers without sleeping.
    """

    seconds: float = 0.0

    def advance(self, seconds: float) -> None:
        """Let this much time pass for the broker that was given this offset."""
        self.seconds += seconds


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._elapsed = 1_000.0

    def now(self) -> float:
        return self._now

    def elapsed(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass, by both readings."""
        self._now += seconds
        self._elapsed += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; no time passes."""
        self._now += seconds
