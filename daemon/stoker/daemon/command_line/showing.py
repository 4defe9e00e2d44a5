"""One job in full, for a person."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from stoker.daemon.command_line.moments import absolute, between, both
from stoker.daemon.command_line.printing import Column, print_line, print_pairs, print_table
from stoker.jobs.durations import text
from stoker.jobs.job import Job, JobDetail, LogLine, Run


def show(detail: JobDetail, now: datetime) -> None:
    """Print the job, its history, the last traceback, and its log."""
    print_pairs(_fields(detail.job, now))
    _history(detail.history)
    _logs(detail)


def _fields(job: Job, now: datetime) -> Iterable[tuple[str, object]]:
    yield "id", job.id
    yield "type", job.type
    yield "queue", job.queue
    yield "state", job.state
    yield "reason", job.reason
    yield "error", job.error
    yield "run", f"{job.attempts} of {job.max_attempts}"
    yield "crashes", job.crashes or None
    yield "progress", _progress(job)
    yield "cancel", "requested" if job.cancel_requested else None
    yield "worker", job.worker
    yield "priority", job.priority
    yield "tags", ", ".join(job.tags)
    yield "unique key", job.unique_key
    yield "recurring", job.recurring_id
    yield "timeout", None if job.timeout is None else text(job.timeout)
    yield "created", both(job.created_at, now)
    yield "scheduled", both(job.scheduled_at, now)
    yield "started", both(job.started_at, now)
    yield "ended", both(job.completed_at, now)
    yield "took", between(job.started_at, job.completed_at)
    yield "expires", both(job.expires_at, now)
    yield "payload", _json(job.payload)
    yield "result", None if job.result is None else _json(job.result)


def _progress(job: Job) -> str | None:
    if job.progress is None:
        return job.progress_message
    return f"{job.progress:g} %" + (f", {job.progress_message}" if job.progress_message else "")


def _json(raw: msgspec.Raw) -> str:
    return msgspec.json.format(bytes(raw), indent=2).decode()


def _history(history: tuple[Run, ...]) -> None:
    if not history:
        return
    print_line("\nHistory, without runs that simply succeeded")
    print_table(
        (Column("run", right=True), Column("started"), Column("took"), Column("outcome"),
         Column("worker"), Column("error", gives_way=True)),
        (
            (run.attempt, absolute(run.started_at), between(run.started_at, run.ended_at), run.outcome,
             run.worker, run.error)
            for run in history
        ),
    )  # fmt: skip
    if traceback := history[-1].traceback:
        print_line(f"\n{traceback.rstrip()}")


def _logs(detail: JobDetail) -> None:
    if not detail.logs and not detail.dropped_logs:
        return
    left_out = f", {detail.dropped_logs} left out" if detail.dropped_logs else ""
    print_line(f"\nLog{left_out}")
    for line in detail.logs:
        print_line(_log(line))


def _log(line: LogLine) -> str:
    level = "" if line.level == "info" else f"{line.level}: "
    return f"{absolute(line.at)}  {level}{line.message}"
