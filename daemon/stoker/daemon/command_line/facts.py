"""What a job is explained by."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Pause, QueueInfo, TypeInfo, Worker


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is to know, read at one moment."""

    detail: JobDetail
    queue: QueueInfo | None = None
    """The job's; None if the broker knows none of that name."""
    pauses: tuple[Pause, ...] = ()
    workers: tuple[Worker, ...] = ()
    types: Mapping[str, TypeInfo] = {}
    """As daemons have published them, by name."""
    lease: float = 15.0
    """Seconds, of the daemons."""
    now: datetime

    @property
    def job(self) -> Job:
        return self.detail.job


def times(count: int) -> str:
    """ "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def one_line(text: str) -> str:
    """The text on one line: errors may have several."""
    return " ".join(text.split())
