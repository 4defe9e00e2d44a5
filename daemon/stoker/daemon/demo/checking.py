"""Whether everything came out as it must: expectations against evidence. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from stoker.daemon.demo import mix
from stoker.daemon.demo.evidence import Enqueued, Evidence, ReportFile
from stoker.daemon.demo.handlers import digest
from stoker.daemon.demo.mailbox import DEFERRED
from stoker.handlers.reports.period import Kind, group
from stoker.jobs.job import Job


class Finding(msgspec.Struct, frozen=True):
    """One line of the summary."""

    what: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.expected == self.seen


def check(evidence: Evidence) -> list[Finding]:
    """Every expectation, each with what was seen."""
    return [
        *_endings(evidence),
        *_mails(evidence),
        *_reports(evidence),
        *_runs(evidence),
        _unique(evidence),
        _conserved(evidence),
    ]


def _endings(evidence: Evidence) -> Iterable[Finding]:
    """How the jobs of each group ended: state, number of runs, reason, crashes."""
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in evidence.enqueued:
        planned = one.planned
        if not one.created:
            continue
        expected[planned.group][
            _ending(planned.state, planned.attempts, planned.reason, planned.crashes)
        ] += 1
        job = evidence.jobs.get(one.id)
        if job is None:
            seen[planned.group]["lost"] += 1
            continue
        reason = job.reason if planned.reason is not None else None
        seen[planned.group][_ending(job.state, job.attempts, reason, job.crashes)] += 1
    for name in expected:
        yield Finding(name, _counted(expected[name]), _counted(seen[name]))


def _ending(state: str, attempts: int, reason: str | None, crashes: int) -> str:
    text = f"{state} ({reason})" if reason else str(state)
    if crashes:
        return f"{text} after {crashes} crashes"
    if attempts == 1:
        return text
    return f"{text} in run {attempts}" if attempts else f"{text}, never run"


def _counted(endings: Counter[str]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items()))


def _mails(evidence: Evidence) -> Iterable[Finding]:
    """Every mail reached its recipient exactly once, and nobody got another."""
    due = {
        (f"<{one.id}@demo.example>", one.planned.recipient)
        for one in evidence.enqueued
        if one.planned.recipient is not None
    }
    yield _each_once("mails received, by Message-ID", due, evidence.mails)
    rows = {(row.message_id, row.recipient): row for row in evidence.outbox}
    sent = {key for key, row in rows.items() if not row.recipient.startswith(f"{DEFERRED}@")}
    yield _each_once("outbox mails received", sent, evidence.mails)
    status = Counter(rows[key].status for key in sent)
    yield Finding("outbox rows", f"{len(sent)} sent", _counted(status))
    deferred = Counter(
        f"{row.status}, tried {'before' if row.attempts else 'never'}"
        for key, row in rows.items()
        if key not in sent
    )
    waiting = len(rows) - len(sent)
    yield Finding("outbox rows refused for now", f"{waiting} pending, tried before", _counted(deferred))
    others = sum(evidence.mails.values()) - sum(evidence.mails[key] for key in (*due, *sent))
    yield Finding("other mails", "0", str(others))


def _each_once(what: str, keys: Iterable[Any], mails: Counter[Any]) -> Finding:
    keys = list(keys)
    seen = Counter("once" if mails[key] == 1 else f"{mails[key]} times" for key in keys)
    return Finding(what, f"{len(keys)} once", _counted(seen))


def _reports(evidence: Evidence) -> Iterable[Finding]:
    """Every report file says what the data set says, computed afresh."""
    seen: Counter[str] = Counter()
    orders = [one for one in evidence.enqueued if one.planned.group == mix.REPORTED]
    for one in orders:
        arguments = one.planned.call.arguments
        result = _result(evidence.jobs.get(one.id))
        file = evidence.reports.get(result["path"]) if isinstance(result, dict) else None
        seen["missing" if file is None else _report_verdict(file, arguments, evidence)] += 1
    yield Finding("report files re-read", f"{len(orders)} right", _counted(seen))


def _report_verdict(file: ReportFile, arguments: Any, evidence: Evidence) -> str:
    kind: Kind = arguments["kind"]
    expected: Counter[tuple[str, str, str]] = Counter()
    rows = 0
    for row in evidence.transactions:
        if (row.occurred_at.year, row.occurred_at.month) == (
            arguments["month"].year,
            arguments["month"].month,
        ):
            expected[group(kind, row.occurred_at), row.category, row.status] += row.amount_cents
            rows += 1
    if (file.rows, file.transactions) != (rows, expected):
        return "with wrong transactions"
    if file.subtotals != expected:
        return "with wrong subtotals"
    return "right" if file.difference == "0 rows, 0 cents" else "that do not reconcile"


def _runs(evidence: Evidence) -> Iterable[Finding]:
    """What the runs themselves left behind: results and marks."""

    def left(group: str, what: str, right: Callable[[Enqueued, Any], bool]) -> Finding:
        ones = [one for one in evidence.enqueued if one.planned.group == group]
        good = sum(right(one, _result(evidence.jobs.get(one.id))) for one in ones)
        return Finding(what, f"{len(ones)} of {len(ones)}", f"{good} of {len(ones)}")

    def marked(*marks: str) -> Callable[[Enqueued, Any], bool]:
        return lambda one, _: all(f"{one.id}.{mark}" in evidence.marks for mark in marks)

    yield left(mix.STOPPED, "cancelled ones that cleaned up", marked("started", "cleaned"))
    yield left(mix.STEPS, "steps, all three", marked("sweep", "wipe", "air"))
    yield left(
        mix.LATER,
        "delayed ones, none before its time",
        lambda _, late: isinstance(late, int | float) and late >= 0,
    )
    yield left(mix.FLAKY, "retried ones' results", lambda one, result: result == one.planned.attempts)
    yield left(
        mix.THREADS,
        "threads' results",
        lambda one, result: result == digest(one.planned.call.arguments["text"]),
    )


def _result(job: Job | None) -> Any:
    return None if job is None or job.result is None else json.loads(bytes(job.result))


def _unique(evidence: Evidence) -> Finding:
    ones = [one for one in evidence.enqueued if one.planned.group == mix.SINGLE]
    keys = {one.planned.call.chosen.unique for one in ones}
    return Finding(
        f"jobs for {len(ones)} calls with {len(keys)} unique keys",
        str(len(keys)),
        str(len({one.id for one in ones})),
    )


def _conserved(evidence: Evidence) -> Finding:
    created = len({one.id for one in evidence.enqueued})
    return Finding(
        "jobs counted by the broker", str(created), str(sum(one.total for one in evidence.counts))
    )
