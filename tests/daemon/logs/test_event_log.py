from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from stoker.daemon.logs import wording
from stoker.jobs.events import (
    CancelDelivered,
    ChildFell,
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    Event,
    JobsClaimed,
    LeaseLost,
    LoopStalled,
    ProcessEnded,
    Promoted,
    Pruned,
    ResourceNotClosed,
    RunEnded,
    RunStarted,
    Settled,
    SlotsPassed,
    StoreBack,
    StoreLost,
    SweepHeld,
    Swept,
    ThreadStuck,
    UnknownTypeReturned,
)
from stoker.jobs.job import Claim, Run
from stoker.jobs.outcome import (
    Crashed,
    Done,
    Ending,
    Raised,
    Released,
    Skipped,
    Snoozed,
    Stopped,
    decide,
)
from stoker.jobs.retry import Retry

Make = Callable[..., Any]


def ended(claim: Claim, ending: Ending, outcome: str, **retry: Any) -> RunEnded:
    run = None
    if not isinstance(ending, Done):
        run = Run(attempt=claim.attempts, started_at=claim.started_at, worker="w")
    settlement = decide(
        claim, ending, retry=Retry(**{"base": 60, "jitter": 0} | retry), jitter=lambda: 0.0, run=run
    )
    return RunEnded(claim, settlement, outcome, 1.25)


def test_a_start_and_a_success_are_a_line_each(logs: Make, claim: Claim) -> None:
    made = logs()
    made.emit(RunStarted(claim))
    made.emit(ended(claim, Done(b"null"), "completed"))
    about = {"job_id": claim.id, "job_type": "mail.send", "attempt": 2, "queue": "mail"}
    started, completed = made.lines()
    at = datetime.fromisoformat(started.pop("timestamp"))
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=10)
    assert started == {"level": "info", "event": "run started"} | about
    completed.pop("timestamp")
    assert completed == {
        "level": "info", "event": "run completed", "state": "completed", "duration": 1.25
    } | about  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "outcome", "expected"),
    [
        (Raised("ValueError: no", "Traceback …"), "failed",
         {"level": "warning", "event": "run failed", "state": "retrying", "delay": 120.0,
          "error": "ValueError: no", "exception": "Traceback …"}),
        (Raised("ValueError: no", for_good=True), "failed",
         {"level": "error", "event": "run failed", "state": "failed", "reason": "not retryable",
          "error": "ValueError: no"}),
        (Raised("TimeoutError: ran longer than 1s", timed_out=True), "timeout",
         {"level": "warning", "event": "run timed out", "state": "retrying", "delay": 120.0,
          "error": "TimeoutError: ran longer than 1s"}),
        (Snoozed(30.0), "snoozed",
         {"level": "info", "event": "run snoozed", "state": "pending", "delay": 30.0}),
        (Stopped("not needed"), "cancelled",
         {"level": "info", "event": "run cancelled", "state": "cancelled", "reason": "not needed"}),
        (Skipped("nothing to do"), "skipped",
         {"level": "info", "event": "run skipped", "state": "skipped", "reason": "nothing to do"}),
        (Released("shutdown"), "released",
         {"level": "info", "event": "run released", "state": "pending", "reason": "shutdown"}),
        (Crashed(solo=True, detail="killed by SIGSEGV"), "crashed",
         {"level": "warning", "event": "run crashed", "state": "pending",
          "error": "killed by SIGSEGV"}),
    ],
)  # fmt: skip
def test_every_other_end_says_what_comes_next_and_why(
    logs: Make, claim: Claim, ending: Ending, outcome: str, expected: dict[str, Any]
) -> None:
    made = logs()
    made.emit(ended(claim, ending, outcome))
    (line,) = made.lines()
    for name in ("timestamp", "job_id", "job_type", "attempt", "queue", "duration"):
        line.pop(name)
    assert line == expected


def test_the_console_has_the_same_fields(logs: Make, claim: Claim) -> None:
    made = logs(format="console")
    made.emit(ended(claim, Raised("ValueError: no", "Traceback x\nValueError: no"), "failed"))
    text = made.text()
    assert "warning" in text and "run failed" in text
    assert "state=retrying duration=1.25 delay=120.0" in text
    assert text.endswith("Traceback x\nValueError: no\n")


def test_a_long_traceback_is_cut_at_its_beginning(logs: Make, claim: Claim) -> None:
    made = logs()
    made.emit(ended(claim, Raised("E: x", "begin" + "x" * 10_000 + "end"), "failed"))
    text = made.lines()[0]["exception"]
    assert len(text) == 3000
    assert text.endswith("end")


def test_a_line_that_does_not_encode_is_written_all_the_same(logs: Make, claim: Claim) -> None:
    made = logs()
    made.emit(ended(claim, Raised("E: \ud800", for_good=True), "failed"))
    assert made.lines()[0]["error"] == "E: \ud800"


OTHERS: list[tuple[Event, str, str, dict[str, Any]]] = [
    (DaemonStarted("w", "redis://me:***@host", "consumer", 16, 3), "info", "stoker started",
     {"worker": "w", "mode": "consumer", "broker": "redis://me:***@host", "slots": 16, "types": 3}),
    (DaemonStopping("w", "SIGTERM", 2), "info", "stopping",
     {"worker": "w", "why": "SIGTERM", "running": 2}),
    (DaemonStopped("w"), "info", "stoker stopped", {"worker": "w"}),
    (JobsClaimed("lane:*", 3, 0.5), "debug", "jobs claimed",
     {"lane": "lane:*", "count": 3, "duration": 0.5}),
    (Settled(3, 1, 0, 0, 0.5), "debug", "outcomes written",
     {"accepted": 3, "already": 1, "lost": 0, "invalid": 0, "duration": 0.5}),
    (Settled(0, 0, 0, 1, 0.5), "error", "outcomes that the store cannot hold were not written",
     {"accepted": 0, "already": 0, "lost": 0, "invalid": 1, "duration": 0.5}),
    (LeaseLost("j", "t", "self_fence"), "warning",
     "lease not renewed in time: the run is stopped before another may begin",
     {"job_id": "j", "job_type": "t", "where": "self_fence"}),
    (LeaseLost("j", "t", "settle"), "warning",
     "lease lost: the run ended too late, and its outcome is not written",
     {"job_id": "j", "job_type": "t", "where": "settle"}),
    (CancelDelivered("j", "why"), "info", "run told to cancel", {"job_id": "j", "reason": "why"}),
    (Promoted(5, 0), "debug", "delayed jobs are due", {"count": 5}),
    (Promoted(5, 2), "info", "jobs expired before they started", {"count": 2}),
    (Swept(12, tuple("abcdefghijkl")), "warning",
     "jobs taken back from a worker that died or lost touch",
     {"count": 12, "job_ids": list("abcdefghij")}),
    (SweepHeld(3.0, "the store was out"), "info", "nothing is taken back for now",
     {"for": 3.0, "why": "the store was out"}),
    (SlotsPassed("nightly", "clean", ("j",)), "info", "slot of a schedule has come",
     {"schedule": "nightly", "job_type": "clean", "job_ids": ["j"], "skipped": 0}),
    (SlotsPassed("nightly", "clean", (), 2), "info", "slots of a schedule were skipped",
     {"schedule": "nightly", "job_type": "clean", "job_ids": [], "skipped": 2}),
    (SlotsPassed("nightly", "clean", ("j",), 0, 3), "warning", "slots of a schedule were missed",
     {"schedule": "nightly", "job_type": "clean", "job_ids": ["j"], "skipped": 0, "missed": 3}),
    (SlotsPassed("nightly", "clean", trouble="no"), "error", "no job can be made of a schedule",
     {"schedule": "nightly", "job_type": "clean", "error": "no"}),
    (Pruned(7), "debug", "ended jobs deleted, past their retention", {"count": 7}),
    (StoreLost("settler", "refused", 1.0), "warning",
     "the store does not answer; trying until it does", {"actor": "settler", "error": "refused"}),
    (ChildFell("daemon", "settler", "ValueError: x", True), "error",
     "actor fell, and is started anew",
     {"supervisor": "daemon", "actor": "settler", "error": "ValueError: x"}),
    (ChildFell("daemon", "settler", "ValueError: x", False), "error",
     "actor fell, and is not started anew",
     {"supervisor": "daemon", "actor": "settler", "error": "ValueError: x"}),
    (LoopStalled(2.0, "j", "t", "File x"), "warning",
     "event loop blocked: no other job of this process can go on",
     {"duration": 2.0, "job_id": "j", "job_type": "t", "stack": "File x"}),
    (ThreadStuck("j", "t", 70.0), "error",
     "thread does not end: this process drains, and is replaced",
     {"job_id": "j", "job_type": "t", "duration": 70.0}),
    (ProcessEnded("worker", 5, -9, False, "killed by SIGKILL"), "error",
     "process ended unexpectedly",
     {"role": "worker", "pid": 5, "code": -9, "detail": "killed by SIGKILL"}),
    (ProcessEnded("isolated", 5, -9, False, "killed"), "warning", "process ended unexpectedly",
     {"role": "isolated", "pid": 5, "code": -9, "detail": "killed"}),
    (ProcessEnded("worker", 5, 0, True), "debug", "process ended",
     {"role": "worker", "pid": 5, "code": 0, "detail": ""}),
    (ResourceNotClosed("OSError: x"), "error", "resource failed to close", {"error": "OSError: x"}),
    (UnknownTypeReturned("j", "t", 5.0), "warning",
     "no handler here knows the job's type: it goes back for a while",
     {"job_id": "j", "job_type": "t", "delay": 5.0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "level", "text", "fields"), OTHERS, ids=lambda value: type(value).__name__
)
def test_every_event_has_its_line(
    logs: Make, event: Event, level: str, text: str, fields: dict[str, Any]
) -> None:
    made = logs(level="debug")
    made.emit(event)
    (line,) = made.lines()
    line.pop("timestamp")
    assert line == {"level": level, "event": text} | fields


def test_no_kind_of_event_is_forgotten() -> None:
    told = {type(event) for event, *_ in OTHERS} | {RunStarted, RunEnded, StoreBack}
    assert told == set(get_args(Event))


def test_what_the_level_leaves_out_is_not_written(logs: Make, claim: Claim) -> None:
    made = logs(level="error")
    made.emit(RunStarted(claim))
    made.emit(ended(claim, Done(b"null"), "completed"))
    made.emit(ended(claim, Raised("E: x"), "failed"))
    for event, *_ in OTHERS:
        made.emit(event)
    made.emit(ended(claim, Raised("E: last", for_good=True), "failed"))
    lines = made.lines()
    assert {line["level"] for line in lines} == {"error"}
    assert len(lines) == 1 + sum(level == "error" for _, level, *_ in OTHERS)


def test_an_outage_and_its_end_are_two_lines(logs: Make) -> None:
    made = logs()
    for _ in range(10):
        made.emit(StoreLost("settler", "refused", 1.0))
    made.emit(StoreBack("settler", 1.0))
    assert [line["event"] for line in made.lines()] == [
        "the store does not answer; trying until it does",
        "the store answers again",
    ]


def test_a_line_names_no_more_than_a_few_ids() -> None:
    line = wording.line(Swept(5000, tuple(map(str, range(5000)))))
    assert line is not None
    assert len(line[2]["job_ids"]) == wording.MOST_IDS
