"""What is kept of one job, and how callers get to see it."""

import msgspec

from stoker.brokers.instant import Instant, micros, moment, stamp
from stoker.jobs.job import Claim, Job, JobDetail, LogLine, NewJob, Run
from stoker.jobs.state import WAITING, State


class Record(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """A job. Changed in place, under the broker's lock; times are microseconds, as in `Instant`.

    Not tracked by the garbage collector, which would walk through a million of them for nothing: so a
    record never refers to anything that may refer back to it.
    """

    id: str
    seq: int = 0
    """In which order the jobs came."""
    type: str
    queue: str
    priority: int
    state: State = State.PENDING
    counted: str = ""
    """Under which name it is counted: a field of `Counts`."""
    ready: bool = False
    """Waiting, and a claim may take it. What becomes due is made ready by `promote`."""
    reason: str | None = None
    payload: bytes
    attempts: int = 0
    max_attempts: int
    crashes: int = 0
    solo_deaths: int = 0
    returns: int = 0
    timeout: float | None
    created_at: int
    scheduled_at: int
    started_at: int | None = None
    completed_at: int | None = None
    expires_at: int | None
    lease_until: int = 0
    """By the clock that counts from boot; means something while the job runs."""
    token: str | None = None
    settled_token: str | None = None
    worker: str | None = None
    taken_over: bool = False
    """By a reclaim: the run was this worker's, and is not any more."""
    cancel_requested: bool = False
    cancel_reason: str | None = None
    progress: float | None = None
    progress_message: str | None = None
    result: bytes | None = None
    error: str | None = None
    tags: tuple[str, ...]
    unique_key: str | None
    unique_scope: str | float
    recurring_id: str | None
    headers: dict[str, str] | None
    history: list[Run] | None = None
    logs: list[LogLine] | None = None
    dropped_logs: int = 0
    entry: int = 0
    """Its entry in the one heap that its state puts it in; 0 for none."""
    expiry_entry: int = 0
    block: int = 0
    """Where the listing keeps it."""


def record_of(job: NewJob, now: Instant) -> Record:
    """A new job as it will be kept, not yet in its place."""
    scheduled_at = now.wall + micros(job.delay) if job.at is None else stamp(job.at)
    unique = job.unique
    return Record(
        id=job.id,
        type=job.type,
        queue=job.queue,
        priority=job.priority,
        ready=scheduled_at <= now.wall,
        payload=job.payload,
        max_attempts=job.max_attempts,
        timeout=job.timeout,
        created_at=now.wall,
        scheduled_at=scheduled_at,
        expires_at=None if job.expires is None else now.wall + micros(job.expires),
        tags=job.tags,
        unique_key=None if unique is None else unique.key,
        unique_scope="active" if unique is None else unique.scope,
        recurring_id=job.recurring_id,
        headers=dict(job.headers) if job.headers else None,
    )


def claim_of(record: Record) -> Claim:
    """The claim of whoever holds the job now."""
    token, started_at = record.token, record.started_at
    assert token is not None and started_at is not None
    return Claim(
        id=record.id,
        token=token,
        type=record.type,
        queue=record.queue,
        priority=record.priority,
        payload=record.payload,
        attempts=record.attempts,
        max_attempts=record.max_attempts,
        crashes=record.crashes,
        solo_deaths=record.solo_deaths,
        returns=record.returns,
        timeout=record.timeout,
        created_at=moment(record.created_at),
        scheduled_at=moment(record.scheduled_at),
        started_at=moment(started_at),
        expires_at=None if record.expires_at is None else moment(record.expires_at),
        tags=record.tags,
        recurring_id=record.recurring_id,
        headers=None if record.headers is None else dict(record.headers),
        cancel_requested=record.cancel_requested,
        cancel_reason=record.cancel_reason,
    )


def job_of(record: Record) -> Job:
    """The job as its observers see it."""
    return Job(
        id=record.id,
        type=record.type,
        queue=record.queue,
        priority=record.priority,
        state=record.state,
        reason=record.reason,
        payload=msgspec.Raw(record.payload),
        attempts=record.attempts,
        max_attempts=record.max_attempts,
        crashes=record.crashes,
        timeout=record.timeout,
        created_at=moment(record.created_at),
        scheduled_at=moment(record.scheduled_at),
        started_at=None if record.started_at is None else moment(record.started_at),
        completed_at=None if record.completed_at is None else moment(record.completed_at),
        expires_at=None if record.expires_at is None else moment(record.expires_at),
        progress=record.progress,
        progress_message=record.progress_message,
        result=None if record.result is None else msgspec.Raw(record.result),
        error=record.error,
        tags=record.tags,
        unique_key=record.unique_key,
        recurring_id=record.recurring_id,
        cancel_requested=record.cancel_requested,
        worker=record.worker,
    )


def detail_of(record: Record, now: Instant) -> JobDetail:
    """The job with what is kept beside it."""
    due = record.state in WAITING and record.scheduled_at <= now.wall
    return JobDetail(
        job=job_of(record),
        history=tuple(record.history or ()),
        logs=tuple(record.logs or ()),
        dropped_logs=record.dropped_logs,
        returns=record.returns,
        solo_deaths=record.solo_deaths,
        ready=record.ready or due,
    )
