"""The records: what goes into a broker, what comes out of it, and what is kept with a job.

All are frozen and inert. Times are aware datetimes in UTC; durations are seconds as float; payloads
and results are JSON text as bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from stoker.jobs.state import State

DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 5
DEFAULT_MAX_ATTEMPTS = 6

OnConflict = Literal["existing", "error", "replace"]


class Holding(msgspec.Struct, frozen=True, gc=False):
    """A unique key, and how long the job that got it holds it, within its queue.

    `scope` is "active" (pending, running, retrying), "waiting" (until its run starts), or a number
    of seconds from its creation, whatever becomes of it.
    """

    key: str
    scope: Literal["active", "waiting"] | float = "active"
    on_conflict: OnConflict = "existing"


class NewJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A job on its way into a broker: complete, validated, every default filled in."""

    id: str
    type: str
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    payload: bytes = b"{}"
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout: float | None = None
    delay: float = 0.0
    """Seconds from the broker's now; not used where `at` is given."""
    at: datetime | None = None
    expires: float | None = None
    """Seconds from the broker's now until which the first run must have started."""
    tags: tuple[str, ...] = ()
    unique: Holding | None = None
    recurring_id: str | None = None
    headers: Mapping[str, str] | None = None
    """What travels with the job for other programs, such as a trace context. Not for arguments."""
    unsent: bool = False
    """Its id has been made for this very call: no store can know it yet, or has to look for it."""


class Enqueued(msgspec.Struct, frozen=True, gc=False):
    """What `enqueue` answers for one job."""

    id: str
    """Of the job that stands for it: the new one, or the one that was there."""
    created: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A job in the hands of one worker, with the token that proves it."""

    id: str
    token: str
    type: str
    queue: str
    priority: int
    payload: bytes
    attempts: int
    """The number of this run, from 1."""
    max_attempts: int
    crashes: int = 0
    """Runs that ended with the death of their worker."""
    solo_deaths: int = 0
    """Deaths, seen by a living parent, of a child that ran nothing but this job."""
    returns: int = 0
    """Times in a row it was given back because its type was not known to the worker."""
    timeout: float | None = None
    created_at: datetime
    scheduled_at: datetime
    started_at: datetime
    expires_at: datetime | None = None
    tags: tuple[str, ...] = ()
    recurring_id: str | None = None
    headers: Mapping[str, str] | None = None
    cancel_requested: bool = False
    """Only ever true for claims from `reclaim`: a claim ends a job with a cancel wish instead."""
    cancel_reason: str | None = None


class Held(msgspec.Struct, frozen=True, gc=False):
    """What is needed to speak for a claim: the job and the token."""

    id: str
    token: str


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One line that a handler logged."""

    at: datetime
    message: str
    level: str = "info"
    attempt: int = 0


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run that did not simply succeed, as it is kept in the job's history."""

    attempt: int
    started_at: datetime
    ended_at: datetime | None = None
    worker: str | None = None
    outcome: str = "failed"
    """failed, timeout, crashed, snoozed, released, cancelled or skipped."""
    error: str | None = None
    """Type and message."""
    traceback: str | None = None


class Settlement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a run's job goes next, decided; the broker writes it if the token is current."""

    id: str
    token: str
    state: State
    attempts: int
    """The job's count from now on: a release and a snooze give the run's number back."""
    crashes: int = 0
    solo_deaths: int = 0
    returns: int = 0
    begun: bool = True
    """Whether it has ever run. If not, a job that waits again has no start, and may still expire."""
    delay: float = 0.0
    """Seconds from the broker's now to the next run; for pending and retrying only."""
    reason: str | None = None
    result: bytes | None = None
    """Kept with a final state only."""
    error: str | None = None
    run: Run | None = None
    """The history entry; None for a plain success."""
    progress: float | None = None
    """The run's last unflushed progress, with its message, and its unflushed log lines."""
    progress_message: str | None = None
    logs: tuple[LogLine, ...] = ()
    dropped_logs: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """News of a run that goes on. The newest progress wins; log lines add up."""

    id: str
    token: str
    progress: float | None = None
    progress_message: str | None = None
    logs: tuple[LogLine, ...] = ()
    dropped_logs: int = 0


class Renewal(msgspec.Struct, frozen=True):
    """What `renew` answers: every claim that is in neither field holds for another lease."""

    lost: frozenset[str] = frozenset()
    """Ids whose token is no longer current."""
    cancelled: Mapping[str, str | None] = {}
    """Ids whose cancel has been wished, with the reason. Their lease was renewed as well."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its observers see it: every field by its public name."""

    id: str
    type: str
    queue: str
    priority: int
    state: State
    reason: str | None
    payload: msgspec.Raw
    """JSON object, keyed by parameter."""
    attempts: int
    max_attempts: int
    crashes: int
    timeout: float | None
    created_at: datetime
    scheduled_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    progress: float | None
    progress_message: str | None
    result: msgspec.Raw | None
    error: str | None
    tags: tuple[str, ...]
    unique_key: str | None
    recurring_id: str | None
    cancel_requested: bool
    worker: str | None


class JobDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A job with what is kept beside it."""

    job: Job
    history: tuple[Run, ...] = ()
    logs: tuple[LogLine, ...] = ()
    dropped_logs: int = 0
    """Log lines that the cap (`max_log_entries`) or the flood protection left out."""
    returns: int = 0
    solo_deaths: int = 0
    ready: bool = False
    """Waiting, and due: a free worker of its queue would start it now."""
