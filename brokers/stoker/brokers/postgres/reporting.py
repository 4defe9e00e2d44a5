"""What runs leave behind: progress, log lines, history; and how they hold on to their lease."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from stoker.brokers.keepable import UNFIT, progress_of, text_or_none
from stoker.brokers.postgres.literals import moments, numbers, plain, texts
from stoker.brokers.postgres.records import ended_since, is_id, whole_number
from stoker.brokers.postgres.session import Session
from stoker.jobs.codec import storable
from stoker.jobs.job import Held, LogLine, Renewal, Report, Run


async def renew(session: Session, held: Sequence[Held], lease: float) -> Renewal:
    """Prolong these claims; see `Work.renew`."""
    known = {(each.id, each.token) for each in held if is_id(each.id)}
    asked = sorted(known)
    rows = await session.rows(
        session.sql.renew,
        plain(id for id, _ in asked),
        texts(storable(token) for _, token in asked),
        lease,
    )
    kept = {(id, token): (wish, reason) for id, token, wish, reason in rows}
    return Renewal(
        lost=frozenset(each.id for each in held if (each.id, each.token) not in kept),
        cancelled={id: reason for (id, _), (wish, reason) in kept.items() if wish},
    )


async def report(session: Session, reports: Sequence[Report], keep: int) -> frozenset[str]:
    """Keep news of runs that go on; see `Work.report`. What cannot be kept is passed over."""
    news: dict[tuple[str, str], Report] = {}
    for each in reports:
        if not is_id(each.id):
            continue
        key = each.id, each.token
        news[key] = _joined(news.get(key), each)
    # In the order of their ids, in which everybody locks rows; so in all statements like this.
    asked = [news[key] for key in sorted(news)]
    fit = [progress_of(each.progress, each.progress_message) for each in asked]
    async with session.whole():
        rows = await session.rows(
            session.sql.report,
            plain(each.id for each in asked),
            texts(storable(each.token) for each in asked),
            numbers(progress for progress, _ in fit),
            texts(message for _, message in fit),
            plain(len(each.logs) for each in asked),
            plain(each.dropped_logs for each in asked),
            keep,
        )
        lines = [(seq, before, news[id, token].logs) for id, token, seq, before in rows]
        await add_lines(session, lines, keep)
    current = {(id, token) for id, token, _, _ in rows}
    return frozenset(each.id for each in reports if (each.id, each.token) not in current)


def _joined(before: Report | None, news: Report) -> Report:
    """Two reports of one run as one; news that no row can hold counts for nothing."""
    before = before or Report(id=news.id, token=news.token)
    try:
        lines = tuple(fit_lines(news.logs))
        dropped = whole_number(before.dropped_logs + whole_number(news.dropped_logs))
    except UNFIT:
        return before
    progress, message = progress_of(news.progress, news.progress_message)
    return Report(
        id=news.id,
        token=news.token,
        progress=before.progress if progress is None else progress,
        progress_message=before.progress_message if message is None else message,
        logs=before.logs + lines,
        dropped_logs=dropped,
    )


def fit_lines(lines: Sequence[LogLine]) -> list[LogLine]:
    """As they can be kept. Raises one of UNFIT for one that cannot, as without a time zone."""
    return [
        LogLine(
            at=_aware(line.at),
            message=storable(line.message),
            level=storable(line.level, 20),
            attempt=whole_number(line.attempt),
        )
        for line in lines
    ]


def fit_run(run: Run) -> Run:
    """As it can be kept. Raises one of UNFIT."""
    _aware(run.started_at)
    return Run(
        attempt=whole_number(run.attempt),
        started_at=_aware(run.started_at),
        ended_at=None if run.ended_at is None else _aware(run.ended_at),
        worker=text_or_none(run.worker),
        outcome=storable(run.outcome),
        error=text_or_none(run.error),
        traceback=text_or_none(run.traceback),
    )


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    return at


async def add_lines(
    session: Session, of: Sequence[tuple[int, int, Sequence[LogLine]]], keep: int
) -> None:
    """Log lines of jobs, each with its number and how many lines it had; the newest `keep` stay."""
    rows, trimmed = [], []
    for job, before, lines in of:
        first = max(1, before + len(lines) - keep + 1)
        rows += [
            (job, number, line) for number, line in enumerate(lines, before + 1) if number >= first
        ]
        if lines and first > 1:
            trimmed.append((job, first))
    if rows:
        await session.rows(
            session.sql.log_add,
            plain(job for job, _, _ in rows),
            plain(number for _, number, _ in rows),
            moments(line.at for _, _, line in rows),
            plain(line.attempt for _, _, line in rows),
            texts(line.level for _, _, line in rows),
            texts(line.message for _, _, line in rows),
        )
    if trimmed:
        await session.rows(
            session.sql.log_trim, plain(job for job, _ in trimmed), plain(first for _, first in trimmed)
        )


async def add_runs(session: Session, runs: Mapping[tuple[str, int], Run]) -> None:
    """Add runs to their jobs' histories; the jobs by id and number."""
    if not runs:
        return
    kept = list(runs.values())
    ids = [id for id, _ in runs]
    await session.rows(
        session.sql.run_add,
        plain(seq for _, seq in runs),
        plain(run.attempt for run in kept),
        moments(run.started_at for run in kept),
        moments(run.ended_at for run in kept),
        texts(run.worker for run in kept),
        texts(run.outcome for run in kept),
        texts(run.error for run in kept),
        texts(run.traceback for run in kept),
        plain(ids),
        ended_since(ids),
    )
