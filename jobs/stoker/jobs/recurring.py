"""Recurring jobs as rows: what is asked for, how it stands, and how it changes.

A row is written as a whole, and only if its `revision` is still the one that was read: so whoever
changes it decides in plain code (`stoker.jobs.rescheduling`), and brokers hold no rules of their own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from stoker.jobs.ids import derived_id
from stoker.jobs.job import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    Enqueued,
    Holding,
    NewJob,
)

Overlap = Literal["skip", "allow", "queue"]
Catchup = Literal["last", "skip", "all"]
Owner = Literal["code", "config", "client"]

NEVER = "never"
CATCHUP_LIMIT = 100
"""Missed slots that `catchup="all"` makes up at most, if nothing else is said."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for: which job, and when. Durations are seconds."""

    type: str
    line: str
    """A cron line of 5 fields, or 6 with the seconds first; `@daily` and such; `every 15m`; `never`."""
    timezone: str = "UTC"
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout: float | None = None
    expires: float | None = None
    tags: tuple[str, ...] = ()
    unique: Holding | None = None
    overlap: Overlap = "skip"
    """While an earlier job is pending, running or retrying: record the slot as a skipped job, start
    another one, or wait until it has ended."""
    catchup: Catchup = "last"
    """Of the slots that were missed while nothing ran: make up the last one, none, or all."""
    catchup_limit: int = CATCHUP_LIMIT
    jitter: float = 0.0
    """A job starts up to so much later than its slot, always the same for one slot."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Seen(msgspec.Struct, frozen=True):
    """When workers of one version named a row, first and last."""

    first: datetime
    last: datetime


class Recurring(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recurring job as it stands."""

    id: str
    """Leads to its queue's shard, as the ids of its jobs do."""
    name: str
    """Unique in the store."""
    owner: Owner = "client"
    service: str = ""
    """Of a row of code or configuration: it lives while workers of this service name it."""
    declared: Schedule
    """What its owner says."""
    edited: Schedule | None = None
    """What was said at run time over code or configuration; survives deploys, until it is reverted."""
    version: str = ""
    """Of the program that said `declared`."""
    versions: Mapping[str, Seen] = {}
    enabled: bool = True
    resumes_at: datetime | None = None
    """When a row that was switched off for a while goes on by itself."""
    cursor: datetime
    """Slots up to here are dealt with, for good: it never goes back, whatever clocks do."""
    planned: bool = False
    """Whether `next_at` has been found; a row that is not planned is due at once."""
    next_at: datetime | None = None
    """The next slot; None if none ever comes."""
    held: bool = False
    """The slot at `next_at` has come, and waits for an earlier job to end (`overlap="queue"`)."""
    active: tuple[str, ...] = ()
    """Its latest jobs that had not ended when last looked at; with `overlap="allow"` the last one."""
    last_job: str | None = None
    last_slot: datetime | None = None
    missed: int = 0
    """Slots that came while nothing ran and were not made up."""
    trouble: str | None = None
    """Why no job could be made of its last slot."""
    created_at: datetime
    updated_at: datetime
    revision: int = 0
    """Grows by one with each change; 0 has not been written yet."""

    @property
    def schedule(self) -> Schedule:
        """What holds."""
        return self.declared if self.edited is None else self.edited

    @property
    def queue(self) -> str:
        return self.schedule.queue

    @property
    def due_at(self) -> datetime | None:
        """From when on the scheduler is to look at it; None for never."""
        if not self.enabled:
            return self.resumes_at
        return self.next_at if self.planned else self.cursor

    @property
    def seen_at(self) -> datetime | None:
        """When a worker of its service last named it; None for a client's own."""
        return max((seen.last for seen in self.versions.values()), default=None)


class RecurringPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows, and the store's time at which they were read."""

    now: datetime
    items: tuple[Recurring, ...] = ()
    next_cursor: str | None = None
    """Where the next page starts; None after the last."""
    next_due: datetime | None = None
    """In an answer of `due`: when the first of the others will be."""


class Skip(msgspec.Struct, frozen=True):
    """A slot's job that does not run, to be kept in state `skipped` for this reason."""

    job: NewJob
    reason: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be written, with the jobs of the slots it has passed: all of it or nothing."""

    id: str
    expected: int
    """The revision that must stand; 0: there must be no row of this id or name."""
    row: Recurring | None
    """None takes it away. Its revision is `expected` + 1, or that of its past if it has moved here."""
    jobs: tuple[NewJob, ...] = ()
    skipped: tuple[Skip, ...] = ()


class Changed(msgspec.Struct, frozen=True):
    """What became of a change."""

    accepted: bool
    """False: another revision stands, and nothing was written."""
    answers: tuple[Enqueued, ...] = ()
    """For each of its jobs."""


def recurring_id(name: str, queue: str) -> str:
    """The id of the row of this name whose jobs go to this queue."""
    return derived_id(queue, f"recurring {name}", 0.0)
