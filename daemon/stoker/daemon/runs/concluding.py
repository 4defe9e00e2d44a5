"""From the ending of a run to its settlement, with all that the run leaves behind."""

import random
from datetime import timedelta

import msgspec

from stoker.daemon.runs.record import Record
from stoker.jobs.events import RunEnded, UnknownTypeReturned
from stoker.jobs.job import Claim, Run, Settlement
from stoker.jobs.outcome import (
    Crashed,
    Done,
    Ending,
    Raised,
    Released,
    Skipped,
    Snoozed,
    Stopped,
    UnknownType,
    decide,
)
from stoker.jobs.retry import DEFAULT_RETRY
from stoker.jobs.state import State

NOT_COMMITTED = Raised("complete_in was called, but its transaction was not committed")
"""Sent after a success that `complete_in` has written already. If that was committed, the broker
answers "already"; if not, the effects are gone, and the completion must not stand without them."""


def conclude(record: Record, ending: Ending, *, worker: str, seconds: float) -> Settlement:
    """What is to be written of this run, which took so many seconds; its news go with it."""
    claim = record.claim
    if record.settled_in and isinstance(ending, Done):
        ending = NOT_COMMITTED
    if record.interruption == "cancel":
        claim = _with_wish(claim, record.reason)
    retry = DEFAULT_RETRY if record.handler is None else record.handler.options.retry
    run = None
    if record.begun and not isinstance(ending, Done):
        run = Run(
            attempt=claim.attempts,
            started_at=claim.started_at,
            ended_at=claim.started_at + timedelta(seconds=seconds),
            worker=worker,
        )
    settlement = decide(claim, ending, retry=retry, jitter=random.random, run=run)
    return _with_news(settlement, record) if record.has_news else settlement


def told_of(
    record: Record, ending: Ending, settlement: Settlement, seconds: float
) -> RunEnded | UnknownTypeReturned | None:
    """The event of this end; None for a job that went back before it began."""
    claim = record.claim
    if isinstance(ending, UnknownType):
        return UnknownTypeReturned(claim.id, claim.type, settlement.delay)
    if not record.begun:
        return None
    if record.settled_in and isinstance(ending, Done):
        settlement = decide(claim, ending, retry=DEFAULT_RETRY, jitter=random.random)
    return RunEnded(claim, settlement, _outcome(ending, settlement), seconds)


def _with_wish(claim: Claim, reason: str | None) -> Claim:
    return msgspec.structs.replace(claim, cancel_requested=True, cancel_reason=reason)


def _with_news(settlement: Settlement, record: Record) -> Settlement:
    news = record.take_news()
    return msgspec.structs.replace(
        settlement,
        progress=news.progress,
        progress_message=news.progress_message,
        logs=news.logs,
        dropped_logs=news.dropped_logs,
    )


def _outcome(ending: Ending, settlement: Settlement) -> str:
    """The word for what became of the run, as it stands in events, logs and metrics."""
    if not isinstance(ending, Raised):
        return _WORDS[type(ending)]
    if ending.timed_out:
        return "timeout"
    return "cancelled" if settlement.state is State.CANCELLED else "failed"


_WORDS: dict[type, str] = {
    Done: "completed",
    Snoozed: "snoozed",
    Stopped: "cancelled",
    Skipped: "skipped",
    Released: "released",
    UnknownType: "unknown_type",
    Crashed: "crashed",
}
