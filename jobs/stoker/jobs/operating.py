"""What operators see and say: filters, pages, counts, queues, workers, the catalogue of types."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from stoker.jobs.job import DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, Job
from stoker.jobs.state import State


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs; every field that is given narrows. Types and queues may be patterns (`mail.*`).

    Times are absolute, against `created_at` (since, until) and `completed_at` (finished_since).
    """

    states: tuple[State, ...] = ()
    types: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """All of them."""
    since: datetime | None = None
    until: datetime | None = None
    finished_since: datetime | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the jobs of a query, newest first."""

    items: tuple[Job, ...] = ()
    next_cursor: str | None = None
    """Where the next page starts; None after the last."""
    examined: int = 0
    """Records looked at for this page. A page may be short, or empty, with a cursor that goes on:
    a filter without an index examines a bounded number of records at a time."""


class Counts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many jobs one queue has. The sum, with `pruned`, is what was ever enqueued in it."""

    queue: str
    ready: int = 0
    """Pending, and due."""
    delayed: int = 0
    """Pending, at a later time."""
    running: int = 0
    retrying: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0
    pruned: int = 0
    """Ended long ago; their records are gone."""

    @property
    def pending(self) -> int:
        return self.ready + self.delayed

    @property
    def total(self) -> int:
        """Every job that was ever enqueued here."""
        kept = self.completed + self.failed + self.cancelled + self.skipped
        return self.pending + self.running + self.retrying + kept + self.pruned


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pattern of queues that hand out no jobs."""

    pattern: str
    reason: str | None
    since: datetime


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One queue at one moment."""

    counts: Counts
    oldest_ready: datetime | None = None
    """When the job that has been ready for longest became due."""
    pause: Pause | None = None


class CancelAnswer(msgspec.Struct, frozen=True, gc=False):
    """What became of a wish to cancel."""

    id: str
    verdict: Literal["cancelled", "requested", "final", "unknown"]
    """cancelled: it was waiting, and is final now. requested: it runs, and will be told. final: it
    had ended before. unknown: there is no such job."""


class RetryAnswer(msgspec.Struct, frozen=True, gc=False):
    """What became of a wish to retry."""

    id: str
    verdict: Literal["retried", "not_final", "unique_taken", "unknown"]
    holder: str | None = None
    """For unique_taken: the job that holds the key."""


class Keep(msgspec.Struct, frozen=True, gc=False):
    """How long ended jobs of one state are kept: neither older than `age` seconds nor more."""

    age: float | None = None
    count: int | None = None


Retention = Mapping[State, Keep]


class Promotion(msgspec.Struct, frozen=True, gc=False):
    """What one round of `promote` did."""

    promoted: int = 0
    expired: int = 0
    queues: tuple[str, ...] = ()
    """Queues that have newly due jobs."""
    next_due: float | None = None
    """Seconds until the next delayed job is due; None if there is none."""
    more: bool = False
    """The limit was reached: there is more to promote at once."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process, as it last announced itself."""

    name: str
    """Unique per start of a process."""
    service: str = DEFAULT_QUEUE
    host: str = ""
    pid: int = 0
    version: str = ""
    slots: int = 0
    running: int = 0
    queues: tuple[str, ...] = ()
    started_at: datetime | None = None
    seen_at: datetime | None = None
    """Filled in by the broker."""


class TypeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A handler type as daemons publish it, for producers that know it by name only."""

    name: str
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout: float | None = None
    expires: float | None = None
    tags: tuple[str, ...] = ()
    unique: Mapping[str, Any] | None = None
    """The handler's `Unique` as a plain mapping."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the arguments; None if the handler does not describe them."""
    version: str = ""
    description: str = ""


class Wakeup(msgspec.Struct, frozen=True, gc=False):
    """A hint that something may have changed. Never a promise: may be lost, doubled or late."""

    kind: Literal["ready", "cancel", "settled", "pause"]
    queues: tuple[str, ...] = ()
    """Which; empty for any."""
    ids: tuple[str, ...] = ()


Verdict = Literal["accepted", "already", "lost", "invalid"]
"""What `settle` answers for one settlement: written now; written before (the same token settled it);
the token is not current; the store cannot hold it (and nothing of it was written)."""
