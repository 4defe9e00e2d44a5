"""Whether a worker lives, as far as its row tells."""

from datetime import datetime

from stoker.jobs.operating import Worker

SILENCES = 3
"""Announcements that may be missed: one is made every lease."""


def is_fresh(worker: Worker, now: datetime, lease: float) -> bool:
    """Whether it has announced itself lately enough to be taken for alive."""
    if worker.seen_at is None:
        return False
    return (now - worker.seen_at).total_seconds() < SILENCES * lease
