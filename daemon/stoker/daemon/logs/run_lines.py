"""The two lines of every run: its start and its end."""

from datetime import UTC, datetime

import msgspec

from stoker.jobs.events import RunEnded, RunStarted
from stoker.jobs.state import State


class RunLine(msgspec.Struct, omit_defaults=True, gc=False):
    """A line in the order in which it is written; what is not known is left out."""

    timestamp: datetime
    level: str
    event: str
    job_id: str
    job_type: str
    attempt: int
    queue: str
    state: State | None = None
    """Where the job goes from here."""
    duration: float | None = None
    """Of the run, in seconds."""
    delay: float | None = None
    """Seconds to the next run."""
    reason: str | None = None
    error: str | None = None
    exception: str | None = None
    """The traceback."""


def start_line(event: RunStarted) -> RunLine:
    claim = event.claim
    return RunLine(
        datetime.now(UTC), "info", "run started", claim.id, claim.type, claim.attempts, claim.queue
    )


def end_line(event: RunEnded, level: str) -> RunLine:
    """`level` is the event's `end_level`."""
    claim, settlement, run = event.claim, event.settlement, event.settlement.run
    reason, error, trace = settlement.reason, settlement.error, None
    if run is not None:
        trace = run.traceback
        if event.outcome in _BAD:
            error = run.error
        else:
            reason = reason or run.error
    return RunLine(
        datetime.now(UTC),
        level,
        _EVENTS.get(event.outcome) or f"run {event.outcome}",
        claim.id,
        claim.type,
        claim.attempts,
        claim.queue,
        settlement.state,
        round(event.seconds, 6),
        round(settlement.delay, 3) if settlement.delay else None,
        reason,
        error,
        None if trace is None else trace[-MOST_TRACEBACK:],
    )


def end_level(event: RunEnded) -> str:
    """error for a job that has failed for good, warning for a run that has failed or crashed."""
    if event.settlement.state is State.FAILED:
        return "error"
    return "warning" if event.outcome in _BAD else "info"


MOST_TRACEBACK = 3000
"""Characters of its end: the whole is kept with the job, and lines up to 4 KiB stay in one piece
where several processes share a pipe."""
_BAD = frozenset({"failed", "timeout", "crashed"})
_EVENTS = {
    outcome: f"run {outcome}"
    for outcome in ("completed", "failed", "cancelled", "skipped", "snoozed", "released", "crashed")
} | {"timeout": "run timed out"}
