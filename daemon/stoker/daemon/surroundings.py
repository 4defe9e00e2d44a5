"""What a process of the daemon is told from outside."""

from datetime import datetime
from pathlib import Path

import msgspec

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
    clock: Clock
    started_at: datetime
