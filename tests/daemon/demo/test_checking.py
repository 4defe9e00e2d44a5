import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from stoker.daemon.demo import mix
from stoker.daemon.demo.checking import Finding, check
from stoker.daemon.demo.evidence import Enqueued, Evidence, OutboxRow, ReportFile
from stoker.daemon.demo.handlers import digest
from stoker.daemon.demo.mix import Planned
from stoker.handlers.reports.period import group
from stoker.handlers.reports.transactions import sample_transactions
from stoker.jobs.calls import Call, EnqueueOptions
from stoker.jobs.job import Job
from stoker.jobs.operating import Counts, TypeInfo
from stoker.jobs.state import State

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def call(unique: str | None = None, **arguments: Any) -> Call[Any]:
    return Call(TypeInfo(name="demo"), arguments, b"{}", Any, EnqueueOptions(unique=unique))


def ended(id: str, state: State = State.COMPLETED, result: Any = None, **fields: Any) -> Job:
    given: dict[str, Any] = dict.fromkeys(Job.__struct_fields__)
    given |= {"id": id, "type": "demo", "queue": "demo", "state": state, "attempts": 1, "crashes": 0}
    given |= {"result": msgspec.Raw(json.dumps(result).encode())} | fields
    return Job(**given)


def good() -> Evidence:
    """One job of every kind that is looked at more closely, and all as it should be."""
    transactions = tuple(sample_transactions(300, first_day=date(2026, 1, 1), days=60))
    january: Counter[tuple[str, str, str]] = Counter()
    inside = [row for row in transactions if row.occurred_at.month == 1]
    for row in inside:
        january[group("daily", row.occurred_at), row.category, row.status] += row.amount_cents
    mail = Planned(group=mix.MAILED, call=call(), recipient="a@shop.example")
    report = Planned(group=mix.REPORTED, call=call(kind="daily", month=date(2026, 1, 1)))
    stopped = Planned(group=mix.STOPPED, call=call(), state=State.CANCELLED)
    thread = Planned(group=mix.THREADS, call=call(text="x"))
    flaky = Planned(group=mix.FLAKY, call=call(), attempts=3)
    late = Planned(group=mix.LATER, call=call())
    single = Planned(group=mix.SINGLE, call=call(unique="k"))
    return Evidence(
        enqueued=(
            Enqueued(mail, "mail", True),
            Enqueued(report, "report", True),
            Enqueued(stopped, "stopped", True),
            Enqueued(thread, "thread", True),
            Enqueued(flaky, "flaky", True),
            Enqueued(late, "late", True),
            Enqueued(single, "single", True),
            Enqueued(single, "single", False),
        ),
        jobs={
            "mail": ended("mail"),
            "report": ended("report", result={"path": "/r.csv"}),
            "stopped": ended("stopped", State.CANCELLED),
            "thread": ended("thread", result=digest("x")),
            "flaky": ended("flaky", result=3, attempts=3),
            "late": ended("late", result=0.01),
            "single": ended("single"),
        },
        counts=(Counts(queue="demo", completed=6, cancelled=1),),
        mails=Counter({("<mail@demo.example>", "a@shop.example"): 1, ("<1@x>", "b@shop.example"): 1}),
        outbox=(
            OutboxRow("<1@x>", "b@shop.example", "sent", 1),
            OutboxRow("<2@x>", "later@shop.example", "pending", 1),
        ),
        reports={"/r.csv": ReportFile(january, january.copy(), len(inside), "0 rows, 0 cents")},
        marks=frozenset({"stopped.started", "stopped.cleaned"}),
        transactions=transactions,
    )


def wrong(evidence: Evidence) -> list[Finding]:
    return [finding for finding in check(evidence) if not finding.ok]


def change(**fields: Any) -> Evidence:
    return msgspec.structs.replace(good(), **fields)


def job_changed(id: str, **fields: Any) -> Evidence:
    jobs = dict(good().jobs)
    jobs[id] = msgspec.structs.replace(jobs[id], **fields)
    return change(jobs=jobs)


def test_when_all_is_well_no_line_differs() -> None:
    assert wrong(good()) == [] and len(check(good())) >= 15


def test_a_job_in_another_state_is_seen() -> None:
    [finding] = wrong(job_changed("mail", state=State.FAILED))
    assert (finding.what, finding.expected, finding.seen) == (
        mix.MAILED,
        "1 completed",
        "1 failed",
    )


def test_a_job_with_too_many_runs_is_seen() -> None:
    [finding] = wrong(job_changed("mail", attempts=2))
    assert finding.seen == "1 completed in run 2"


def test_a_lost_job_is_seen() -> None:
    jobs = {id: job for id, job in good().jobs.items() if id != "mail"}
    assert "1 lost" in [finding.seen for finding in wrong(change(jobs=jobs))]


@pytest.mark.parametrize(("times", "seen"), [(0, "1 0 times"), (2, "1 2 times")])
def test_a_mail_that_did_not_come_exactly_once_is_seen(times: int, seen: str) -> None:
    mails = good().mails.copy()
    mails["<mail@demo.example>", "a@shop.example"] = times
    assert [finding.seen for finding in wrong(change(mails=mails))] == [seen]


def test_a_mail_that_nobody_asked_for_is_seen() -> None:
    mails = good().mails.copy()
    mails["<9@x>", "a@shop.example"] = 1
    assert [finding.what for finding in wrong(change(mails=mails))] == ["other mails"]


def test_an_outbox_row_that_was_not_sent_is_seen() -> None:
    rows = (msgspec.structs.replace(good().outbox[0], status="pending"), good().outbox[1])
    assert [finding.what for finding in wrong(change(outbox=rows))] == ["outbox rows"]


def test_one_cent_off_in_a_report_is_seen() -> None:
    file = good().reports["/r.csv"]
    key = next(iter(file.transactions))
    file.transactions[key] += 1
    [finding] = wrong(change(reports={"/r.csv": file}))
    assert finding.seen == "1 with wrong transactions"


def test_a_wrong_subtotal_is_seen() -> None:
    file = good().reports["/r.csv"]
    file.subtotals[next(iter(file.subtotals))] += 1
    [finding] = wrong(change(reports={"/r.csv": file}))
    assert finding.seen == "1 with wrong subtotals"


def test_a_report_that_is_not_there_is_seen() -> None:
    assert [finding.seen for finding in wrong(change(reports={}))] == ["1 missing"]


def test_a_cancelled_run_without_its_clean_up_is_seen() -> None:
    [finding] = wrong(change(marks=frozenset({"stopped.started"})))
    assert finding.what == "cancelled ones that cleaned up"


@pytest.mark.parametrize(("id", "result"), [("thread", "00"), ("flaky", 2), ("late", -0.5)])
def test_a_wrong_result_is_seen(id: str, result: Any) -> None:
    raw = msgspec.Raw(json.dumps(result).encode())
    [finding] = wrong(job_changed(id, result=raw))
    assert finding.seen == "0 of 1"


def test_two_jobs_for_one_unique_key_are_seen() -> None:
    *others, last = good().enqueued
    evidence = change(enqueued=(*others, msgspec.structs.replace(last, id="late")))
    assert [finding.expected for finding in wrong(evidence)] == ["1"]


def test_a_broker_that_counts_otherwise_is_seen() -> None:
    counts = (Counts(queue="demo", completed=5, cancelled=1),)
    [finding] = wrong(change(counts=counts))
    assert (finding.what, finding.seen) == ("jobs counted by the broker", "6")
