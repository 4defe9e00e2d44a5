"""Why a job is not running, and why it ran twice or late: from what is known, in sentences. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from stoker.daemon.command_line.facts import Facts, one_line, times
from stoker.daemon.command_line.moments import absolute, between, both, relative
from stoker.daemon.command_line.waiting import waits
from stoker.daemon.liveness import is_fresh
from stoker.jobs.durations import text
from stoker.jobs.job import Run
from stoker.jobs.outcome import SOLO_DEATHS_ALLOWED, SOLO_FROM
from stoker.jobs.state import WAITING, State

LATE = timedelta(seconds=5)
"""A run that begins so long after it was due is called late."""


def explained(facts: Facts) -> list[str]:
    """The sentences, the weightiest first: how it stands and why, then what it has been through."""
    state = facts.job.state
    if state in WAITING:
        present = [*waits(facts), *_alone(facts)]
    elif state is State.RUNNING:
        present = [*_runs(facts), *_alone(facts)]
    else:
        present = list(_ended(facts))
    return [one_line(sentence) for sentence in (*present, *_late(facts), *_again(facts))]


def _runs(facts: Facts) -> Iterator[str]:
    job, now = facts.job, facts.now
    news = [] if job.progress is None else [f"{job.progress:g} %"]
    news += [job.progress_message] if job.progress_message else []
    so_far = f", and says: {', '.join(news)}" if news else ""
    yield (
        f"It runs on worker {job.worker} since {both(job.started_at, now)}: "
        f"run {job.attempts} of {job.max_attempts}{so_far}."
    )
    if job.cancel_requested:
        yield "It has been told to stop, and ends when its handler does."
    if job.timeout is not None and job.started_at is not None:
        end = job.started_at + timedelta(seconds=job.timeout)
        yield f"It may take {text(job.timeout)}, that is until {both(end, now)}."
    worker = next((one for one in facts.workers if one.name == job.worker), None)
    if worker is None or not is_fresh(worker, now, facts.lease):
        seen = "is not listed" if worker is None else f"was last seen {relative(worker.seen_at, now)}"
        yield f"Its worker {seen}: if it is gone, another takes the job over when the lease ends."


def _alone(facts: Facts) -> Iterator[str]:
    if facts.job.crashes >= SOLO_FROM:
        yield (
            f"It has crashed {times(facts.job.crashes)}, so it runs in a child process of its own; "
            f"{SOLO_DEATHS_ALLOWED} deaths there end it as poisoned, and there was "
            f"{facts.detail.solo_deaths or 'none'} so far."
        )


def _ended(facts: Facts) -> Iterator[str]:
    job, now = facts.job, facts.now
    at = both(job.completed_at, now)
    match job.state:
        case State.COMPLETED:
            took = between(job.started_at, job.completed_at)
            yield f"It completed at {at}, in run {job.attempts} of {job.max_attempts}, after {took}."
            if job.reason:
                yield f"About its result: {job.reason}."
        case State.FAILED:
            yield f"It failed for good at {at}: {_why_failed(facts)}."
            yield f"`stoker jobs retry {job.id}` runs it again."
        case State.CANCELLED:
            before = "" if job.started_at else ", before it ever ran"
            yield f"It was cancelled at {at}{before}{_because(job.reason)}."
        case State.SKIPPED if job.reason == "expired":
            yield (
                f"It was skipped at {at}, because it had not begun by "
                f"{absolute(job.expires_at)}, when it expired."
            )
        case _:
            yield f"It was skipped at {at}{_because(job.reason)}."


def _why_failed(facts: Facts) -> str:
    job = facts.job
    match job.reason:
        case "attempts used up":
            return f"all {job.max_attempts} runs are used up, and the last error was {job.error}"
        case "not retryable":
            return f"its handler does not retry this error, {job.error}"
        case "poisoned":
            return f"it was {job.error}"
    return job.error or job.reason or "nobody knows why"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _late(facts: Facts) -> Iterator[str]:
    job = facts.job
    if job.started_at is None or job.state in WAITING:
        return
    late = job.started_at - job.scheduled_at
    if late >= LATE:
        yield (
            f"Its last run began {text(float(round(late.total_seconds())))} late: it was due "
            f"{absolute(job.scheduled_at)}, and no worker of its queue was free and allowed to "
            "take it until then."
        )


def _again(facts: Facts) -> Iterator[str]:
    history = facts.detail.history
    # A run that goes on, and one that simply succeeded, has no entry.
    more = facts.job.state in (State.RUNNING, State.COMPLETED)
    if len(history) + more < 2:
        return
    yield f"It has been run {times(len(history) + more)}."
    for run in history:
        yield _entry(run)
    if any(run.outcome == "crashed" for run in history):
        yield (
            "A run that ends with its worker is run again: a job is run at least once, and what a "
            "broken run had done by then stands."
        )
    if _was_retried(history):
        yield "Somebody had it run anew after it had ended, and its count of runs began again."


def _entry(run: Run) -> str:
    took = between(run.started_at, run.ended_at)
    where = f" on {run.worker}" if run.worker else ""
    after = f" after {took}" if took else ""
    return f"Run {run.attempt}, {absolute(run.started_at)}{where}: {_OUTCOMES[run.outcome]}{after}" + (
        _because(run.error)
    )


_OUTCOMES = {
    "failed": "failed",
    "timeout": "ran out of time",
    "crashed": "ended with its worker",
    "snoozed": "asked for a later time",
    "released": "was given back unfinished",
    "cancelled": "was cancelled",
    "skipped": "found nothing to do",
}


def _was_retried(history: tuple[Run, ...]) -> bool:
    """Whether the count of runs has begun again: a run that failed keeps its number."""
    return any(
        later.attempt <= run.attempt
        for run, later in pairwise(history)
        if run.outcome in ("failed", "timeout")
    )
