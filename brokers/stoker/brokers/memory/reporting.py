"""What runs leave behind: progress, log lines, history; and how they hold on to their lease."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from stoker.brokers.instant import Instant, moment, stamp
from stoker.brokers.keepable import UNFIT, progress_of, text_or_none
from stoker.brokers.memory.record import Record
from stoker.brokers.memory.store import Store
from stoker.jobs.codec import storable
from stoker.jobs.job import Held, LogLine, Renewal, Report, Run

LONGEST_LEVEL = 20


def renew(store: Store, now: Instant, held: Sequence[Held], lease: int) -> Renewal:
    """Prolong these claims; see `Work.renew`. `lease` is in microseconds."""
    until = now.boot + lease
    lost: set[str] = set()
    cancelled: dict[str, str | None] = {}
    for each in held:
        record = store.jobs.get(each.id)
        if record is None or record.token != each.token:
            lost.add(each.id)
            continue
        _prolong(store, record, until)
        if record.cancel_requested:
            cancelled[each.id] = record.cancel_reason
    return Renewal(frozenset(lost), cancelled)


def _prolong(store: Store, record: Record, until: int) -> None:
    if until < record.lease_until:  # a shorter lease than before: see `Store.leases`
        store.leases.discard(record.entry)
        record.entry = store.leases.push(until, record)
    record.lease_until = until


def report(store: Store, reports: Sequence[Report]) -> frozenset[str]:
    """Keep news of runs that go on; see `Work.report`. What cannot be kept is passed over."""
    lost: set[str] = set()
    for each in reports:
        record = store.jobs.get(each.id)
        if record is None or record.token != each.token:
            lost.add(each.id)
            continue
        with suppress(*UNFIT):
            _keep_news(store, record, each)
    return frozenset(lost)


def _keep_news(store: Store, record: Record, news: Report) -> None:
    progress, message = progress_of(news.progress, news.progress_message)
    lines = [kept_line(line) for line in news.logs]
    keep_progress(record, progress, message)
    keep_logs(record, lines, news.dropped_logs, store.keep_lines)


def keep_progress(record: Record, progress: float | None, message: str | None) -> None:
    """The newest wins; what is not said stays."""
    if progress is not None:
        record.progress = progress
    if message is not None:
        record.progress_message = message


def keep_logs(record: Record, lines: Sequence[LogLine], dropped: int, keep: int) -> None:
    """Add log lines; of all that a job has logged, its newest `keep` stay."""
    if not lines and not dropped:
        return
    all_lines = [*(record.logs or ()), *lines]
    pushed_out = max(0, len(all_lines) - keep)
    record.logs = all_lines[pushed_out:]
    record.dropped_logs += dropped + pushed_out


def kept_line(line: LogLine) -> LogLine:
    """A log line as it can be kept."""
    return LogLine(
        at=_kept_time(line.at),
        message=storable(line.message),
        level=storable(line.level, LONGEST_LEVEL),
        attempt=line.attempt,
    )


def kept_run(run: Run, worker: str | None) -> Run:
    """A history entry as it can be kept; its worker is the job's, unless it is said."""
    return Run(
        attempt=run.attempt,
        started_at=_kept_time(run.started_at),
        ended_at=None if run.ended_at is None else _kept_time(run.ended_at),
        worker=worker if run.worker is None else storable(run.worker),
        outcome=storable(run.outcome),
        error=text_or_none(run.error),
        traceback=text_or_none(run.traceback),
    )


def _kept_time(at: datetime) -> datetime:
    return moment(stamp(at))
