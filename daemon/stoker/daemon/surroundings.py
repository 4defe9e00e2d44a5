"""What a process of the daemon is told from outside."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from stoker.daemon.readiness import Readiness
from stoker.daemon.settings import Settings
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit


class Surroundings(msgspec.Struct, frozen=True):
    """What a process is told from outside."""

    settings: Settings
    relative_to: Path
    """The folder to which the paths in the settings are relative."""
    name: str
    """Of this worker, unique for each start of a process."""
    emit: Emit
    write_logs: Callable[[], None]
    """Write the lines that are still waiting: for a process that ends without its clean-up."""
    clock: Clock
    started_at: datetime
    readiness: Readiness
    """Hears all that is emitted; for pages and probes to read."""
