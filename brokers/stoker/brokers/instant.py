"""The one place where a broker without a server asks what time it is.

Leases count from the host's boot (CLOCK_BOOTTIME), which every process of the host shares, which goes
on while it is suspended, and which no correction of the wall clock moves. After another boot no lease
means anything: every owner is dead.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from stoker.jobs.clock import Offset

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Instant(NamedTuple):
    """One moment, by both clocks, in microseconds."""

    wall: int
    """Since 1970 in UTC."""
    boot: int
    """Since the host's boot."""


class HostClock:
    """This host's clocks, moved by an offset in tests."""

    def __init__(self, offset: Offset, boot_id: str | None = None) -> None:
        self._offset = offset
        self.boot_id = boot_id or _boot_id()

    def now(self) -> Instant:
        offset = int(self._offset.seconds * SECOND)
        return Instant(
            time.time_ns() // 1000 + offset, time.clock_gettime_ns(_BOOT_CLOCK) // 1000 + offset
        )


def micros(seconds: float) -> int:
    """A duration in microseconds, no longer than a store can keep."""
    return int(min(seconds, 1e10) * SECOND)


def stamp(at: datetime) -> int:
    """An aware datetime in microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(wall: int) -> datetime:
    """Microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + wall * _MICROSECOND


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # No Linux: the moment of the boot, in minutes, is as good a name for it as there is.
        return f"boot-{int(time.time() - time.clock_gettime(_BOOT_CLOCK)) // 60}"
