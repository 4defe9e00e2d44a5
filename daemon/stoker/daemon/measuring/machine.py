"""Which machine it was: without that, no figure means anything."""

import os
import platform
import time
from pathlib import Path

import msgspec

from stoker.jobs.version import __version__

SYNCS = 200
"""Writes from which the time of one is taken."""
BLOCK = b"\0" * 4096


class Machine(msgspec.Struct, frozen=True):
    """What the figures depend on."""

    stoker: str
    python: str
    system: str
    processor: str
    cores: int
    load: float | None
    """Processes that wanted a core, on average over the minute before: what else was going on."""
    sync: float
    """Microseconds that the disk takes to make a small write durable."""


def machine(folder: Path) -> Machine:
    """This one, with the disk that the folder lies on."""
    try:
        load = os.getloadavg()[0]
    except OSError:
        load = None
    return Machine(
        stoker=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=_cores(),
        load=load,
        sync=_sync(folder),
    )


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux can tell which of them we may use
        return os.cpu_count() or 1


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2] for line in text.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def _sync(folder: Path) -> float:
    path = folder / "sync"
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        begin = time.perf_counter()
        for _ in range(SYNCS):
            os.write(file, BLOCK)
            os.fsync(file)
        return 1e6 * (time.perf_counter() - begin) / SYNCS
    finally:
        os.close(file)
        path.unlink()
