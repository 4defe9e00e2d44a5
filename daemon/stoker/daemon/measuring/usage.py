"""What a process has used so far, as the kernel counts it (Linux only)."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

MIB = 1024.0
"""KiB, in which /proc counts."""


class Usage(msgspec.Struct, frozen=True):
    """One look at a process."""

    rss: float
    """MiB of memory in use."""
    peak: float
    """MiB of memory, at most until now."""
    cpu: Mapping[int, float]
    """Seconds of processor time, user and system, by the number of each thread that lives."""


def usage(pid: int) -> Usage | None:
    """None where the kernel does not tell."""
    try:
        status = _status(pid)
        cpu = {int(task.name): _cpu(task) for task in Path(f"/proc/{pid}/task").iterdir()}
        return Usage(status["VmRSS"] / MIB, status["VmHWM"] / MIB, cpu)
    except (OSError, KeyError):  # one that is about to go has no memory any longer
        return None


def _status(pid: int) -> dict[str, float]:
    text = Path(f"/proc/{pid}/status").read_text()
    lines = (line.split() for line in text.splitlines() if line.startswith("Vm"))
    return {name.rstrip(":"): float(value) for name, value, *_ in lines}


def _cpu(task: Path) -> float:
    # In nanoseconds; `stat` would count in hundredths of a second.
    return int((task / "schedstat").read_text().split()[0]) / 1e9
