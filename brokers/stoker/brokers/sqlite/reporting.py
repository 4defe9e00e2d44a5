"""What runs leave behind: progress, log lines, history; and how they hold on to their lease."""

from collections.abc import Sequence
from contextlib import suppress

from stoker.brokers.instant import stamp
from stoker.brokers.keepable import UNFIT, progress_of, text_or_none
from stoker.brokers.sqlite.standing import Standing, standing_of
from stoker.brokers.sqlite.transaction import Transaction
from stoker.jobs.codec import storable
from stoker.jobs.job import Held, LogLine, Renewal, Report, Run


def renew(tx: Transaction, held: Sequence[Held], lease: int) -> Renewal:
    """Prolong these claims; see `Work.renew`. `lease` is in microseconds."""
    standing = standing_of(tx, [each.id for each in held])
    until = tx.now.boot + lease
    lost: set[str] = set()
    cancelled: dict[str, str | None] = {}
    kept = []
    for each in held:
        job = standing.get(each.id)
        if job is None or job.token != each.token:
            lost.add(each.id)
            continue
        kept.append((job.seq, each.token, until))
        if job.cancel_requested:
            cancelled[each.id] = job.cancel_reason
    if kept:
        tx.executemany(tx.sql.renew, kept)
    return Renewal(frozenset(lost), cancelled)


def report(tx: Transaction, reports: Sequence[Report], keep_lines: int) -> frozenset[str]:
    """Keep news of runs that go on; see `Work.report`. What cannot be kept is passed over."""
    standing = standing_of(tx, [each.id for each in reports])
    lost: set[str] = set()
    for each in reports:
        job = standing.get(each.id)
        if job is None or job.token != each.token:
            lost.add(each.id)
            continue
        with suppress(*UNFIT), tx.savepoint():
            standing[each.id] = _keep_news(tx, job, each, keep_lines)
    return frozenset(lost)


def _keep_news(tx: Transaction, job: Standing, news: Report, keep_lines: int) -> Standing:
    progress, message = progress_of(news.progress, news.progress_message)
    if progress is not None or message is not None:
        tx.execute(tx.sql.report, (job.seq, news.token, progress, message))
    if news.logs or news.dropped_logs:
        return keep_logs(tx, job, news.logs, news.dropped_logs, keep_lines)
    return job


def keep_logs(
    tx: Transaction, job: Standing, lines: Sequence[LogLine], dropped: int, keep: int
) -> Standing:
    """Add log lines; of all that a job has logged, its newest `keep` stay. Gives the new standing."""
    before, total = job.log_lines, job.log_lines + len(lines)
    first = max(1, total - keep + 1)
    rows = [
        (
            job.seq,
            number,
            stamp(line.at),
            storable(line.level, 20),
            line.attempt,
            storable(line.message),
        )
        for number, line in enumerate(lines, before + 1)
        if number >= first
    ]
    if rows:
        tx.executemany(tx.sql.log_add, rows)
    if first > 1:
        tx.execute(tx.sql.log_trim, (job.seq, first))
    pushed_out = max(0, total - keep) - max(0, before - keep)
    tx.execute(tx.sql.logs_count, (job.seq, len(lines), dropped + pushed_out))
    return job.with_lines(total)


def keep_run(tx: Transaction, seq: int, run: Run) -> None:
    """Add a run to its job's history."""
    tx.execute(
        tx.sql.run_add,
        (
            seq,
            run.attempt,
            stamp(run.started_at),
            None if run.ended_at is None else stamp(run.ended_at),
            text_or_none(run.worker),
            storable(run.outcome),
            text_or_none(run.error),
            text_or_none(run.traceback),
        ),
    )
