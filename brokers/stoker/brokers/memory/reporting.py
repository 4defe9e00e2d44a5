"""What runs leave behind: progress, log lines, history; and how they hold on to their lease."""

from collections.abc import Sequence
from contextlib import suppress

from stoker.brokers.instant import Instant
from stoker.brokers.keepable import UNFIT, kept_line, progress_of
from stoker.brokers.memory.record import Record
from stoker.brokers.memory.store import Store
from stoker.jobs.job import Held, LogLine, Renewal, Report


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
