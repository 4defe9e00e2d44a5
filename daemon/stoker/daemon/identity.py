"""Who this process is, as it says so to the store."""

import os
import secrets
import socket

from stoker.daemon.runs.runs import Runs
from stoker.daemon.settings import QueueLimit, Settings
from stoker.daemon.surroundings import Surroundings
from stoker.jobs.operating import Worker
from stoker.jobs.version import __version__


def worker_name(settings: Settings, pid: int) -> str:
    """Unique for each process ever started: a late write of a former one is never taken for its own."""
    return f"{settings.name or socket.gethostname()}-{pid}-{secrets.token_hex(3)}"


def described(around: Surroundings, runs: Runs) -> Worker:
    """This process' row among the workers, as things stand."""
    settings = around.settings
    working = settings.mode == "consumer"
    return Worker(
        name=around.name,
        service=settings.service,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=__version__,
        slots=settings.max_concurrency if working else 0,
        running=runs.active,
        queues=tuple(map(_queue, settings.queues)) if working else (),
        started_at=around.started_at,
    )


def _queue(entry: str | QueueLimit) -> str:
    return entry if isinstance(entry, str) else f"{entry.name} (at most {entry.limit})"
