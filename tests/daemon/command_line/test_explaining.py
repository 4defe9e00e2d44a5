"""One table: the facts, and the sentences that they give, in order."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stoker.daemon.command_line.explaining import explained
from stoker.daemon.command_line.facts import Facts
from stoker.jobs.job import Job, JobDetail, Run
from stoker.jobs.operating import Counts, Pause, QueueInfo, TypeInfo, Worker
from stoker.jobs.state import State

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ID = "019a1b2c-0000-7000-8000-000000000000"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def job(**more: Any) -> Job:
    values: dict[str, Any] = {
        "id": ID,
        "type": "mail.send",
        "queue": "mail",
        "priority": 5,
        "state": State.PENDING,
        "reason": None,
        "payload": msgspec.Raw(b"{}"),
        "attempts": 0,
        "max_attempts": 6,
        "crashes": 0,
        "timeout": None,
        "created_at": at(-60),
        "scheduled_at": at(-60),
        "started_at": None,
        "completed_at": None,
        "expires_at": None,
        "progress": None,
        "progress_message": None,
        "result": None,
        "error": None,
        "tags": (),
        "unique_key": None,
        "recurring_id": None,
        "cancel_requested": False,
        "worker": None,
    }
    return Job(**values | more)


def worker(name: str = "w1", **more: Any) -> Worker:
    values: dict[str, Any] = {"slots": 4, "running": 1, "queues": ("*",), "seen_at": at(-3)}
    return Worker(name=name, **values | more)


def ran(attempt: int, outcome: str, begin: float, end: float | None, error: str | None = None) -> Run:
    return Run(
        attempt=attempt,
        started_at=at(begin),
        ended_at=None if end is None else at(end),
        worker="w1",
        outcome=outcome,
        error=error,
    )


def ended(state: State, **more: Any) -> Job:
    values = {"attempts": 1, "started_at": at(-30), "completed_at": at(-20), "scheduled_at": at(-30)}
    return job(state=state, **values | more)


TYPES = {"mail.send": TypeInfo(name="mail.send")}
AT_11_59 = "2026-01-31 11:59:00 UTC (1m ago)"
AT_30 = "2026-01-31 11:59:30 UTC"
AT_20 = "2026-01-31 11:59:40 UTC (20s ago)"
DUE = f"It is ready to run, and has been due since {AT_11_59}."
SOON = "A worker of its queue is free: it should begin within a second or so."


def facts(
    of: Job,
    *,
    history: tuple[Run, ...] = (),
    returns: int = 0,
    solo_deaths: int = 0,
    ready: int = 1,
    **more: Any,
) -> Facts:
    values: dict[str, Any] = {
        "detail": JobDetail(job=of, history=history, returns=returns, solo_deaths=solo_deaths),
        "queue": QueueInfo(counts=Counts(queue=of.queue, ready=ready)),
        "workers": (worker(),),
        "types": TYPES,
        "now": NOW,
    }
    return Facts(**values | more)


CASES: Mapping[str, tuple[Facts, list[str]]] = {
    "a free worker is about to take it": (facts(job()), [DUE, SOON]),
    "nobody works at all": (
        facts(job(), workers=()),
        [DUE, "No worker is alive: `stoker run` starts one."],
    ),
    "the last worker is gone": (
        facts(job(), workers=(worker(seen_at=at(-300)), worker("w0", seen_at=at(-900)))),
        [DUE, "No worker is alive; the last one was seen 5m ago: `stoker run` starts one."],
    ),
    "a producer is no worker": (
        facts(job(), workers=(worker(slots=0, queues=()),)),
        [DUE, "No worker is alive; the last one was seen 3s ago: `stoker run` starts one."],
    ),
    "no worker works its queue": (
        facts(job(), workers=(worker(queues=("pdf", "reports.*")), worker("w2", queues=("pdf",)))),
        [
            DUE,
            "None of the 2 living workers works its queue mail, but pdf, reports.*.",
        ],
    ),
    "a worker with a limit works its queue": (
        facts(job(), workers=(worker(queues=("!pdf", "mail (at most 2)")),)),
        [DUE, SOON],
    ),
    "its queue is left out": (
        facts(job(), workers=(worker(queues=("*", "!mail")),)),
        [DUE, "The one living worker does not work its queue mail, but !mail, *."],
    ),
    "its type is not published": (
        facts(job(), types={}),
        [
            DUE,
            "No daemon has published the type mail.send: is its module among the `handlers` of one?",
            SOON,
        ],
    ),
    "all slots are taken": (
        facts(job(), workers=(worker(running=4), worker("w2", slots=2, running=2))),
        [DUE, "All 6 slots of the 2 workers of its queue are taken."],
    ),
    "others are ready as well": (
        facts(job(priority=3), ready=2314, workers=(worker(running=4),)),
        [
            DUE,
            "All 4 slots of the one worker of its queue are taken.",
            "2,314 jobs are ready in its queue: higher priorities go first (its own is 3, of 0 to 9), "
            "then those that have been due for longest.",
        ],
    ),
    "its queue is paused": (
        facts(job(), pauses=(Pause(pattern="mail", reason="migration", since=at(-60)),)),
        [
            DUE,
            f"Its queue mail is paused since {AT_11_59} (migration): `stoker queues resume 'mail'` "
            "lets it go on.",
        ],
    ),
    "a pattern pauses its queue, and another does not": (
        facts(
            job(),
            pauses=(
                Pause(pattern="m*", reason=None, since=at(-60)),
                Pause(pattern="pdf", reason=None, since=at(-60)),
            ),
        ),
        [
            DUE,
            f"Its queue mail is paused by the pattern m* since {AT_11_59}: "
            "`stoker queues resume 'm*'` lets it go on.",
        ],
    ),
    "it is for later": (
        facts(job(scheduled_at=at(3600))),
        ["It was enqueued for a later time: it is due in 1h."],
    ),
    "it expires": (
        facts(job(expires_at=at(60))),
        [DUE, "If it has not begun by 2026-01-31 12:01:00 UTC (in 1m), it is skipped.", SOON],
    ),
    "it failed and is tried again": (
        facts(
            job(state=State.RETRYING, attempts=2, error="ValueError:\n  no", scheduled_at=at(120)),
            history=(
                ran(1, "failed", -300, -298, "E: x"),
                ran(2, "failed", -50, -49, "ValueError: no"),
            ),
        ),
        [
            "Run 2 of 6 failed (ValueError: no); the next is due in 2m.",
            "It has been run twice.",
            "Run 1, 2026-01-31 11:55:00 UTC on w1: failed after 2s: E: x",
            "Run 2, 2026-01-31 11:59:10 UTC on w1: failed after 1s: ValueError: no",
        ],
    ),
    "workers do not know its type": (
        facts(job(scheduled_at=at(20)), returns=3, types={}),
        [
            "It was given back 3 times by workers that do not know its type, mail.send; it is due in "
            "20s.",
            "No daemon has published the type mail.send: is its module among the `handlers` of one?",
        ],
    ),
    "it snoozes": (
        facts(job(scheduled_at=at(20)), history=(ran(1, "snoozed", -30, -29),)),
        ["Its handler asked for a later time: it is due in 20s."],
    ),
    "it rests after a crash": (
        facts(job(scheduled_at=at(20), crashes=2), history=(ran(1, "crashed", -30, None, "died"),)),
        [
            "Its worker died under it twice, so it rests: it is due in 20s.",
            "It has crashed twice, so it runs in a child process of its own; 3 deaths there end it as "
            "poisoned, and there was none so far.",
        ],
    ),
    "it runs": (
        facts(
            job(state=State.RUNNING, attempts=2, started_at=at(-60), worker="w1", progress=42.0,
                progress_message="halfway", timeout=600.0)
        ),
        [
            f"It runs on worker w1 since {AT_11_59}: run 2 of 6, and says: 42 %, halfway.",
            "It may take 10m, that is until 2026-01-31 12:09:00 UTC (in 9m).",
        ],
    ),
    "it runs and is told to stop": (
        facts(
            job(state=State.RUNNING, attempts=1, started_at=at(-60), worker="w1", cancel_requested=True)
        ),
        [
            f"It runs on worker w1 since {AT_11_59}: run 1 of 6.",
            "It has been told to stop, and ends when its handler does.",
        ],
    ),
    "its worker has gone silent": (
        facts(
            job(state=State.RUNNING, attempts=1, started_at=at(-60), worker="w1"),
            workers=(worker(seen_at=at(-120)),),
        ),
        [
            f"It runs on worker w1 since {AT_11_59}: run 1 of 6.",
            "Its worker was last seen 2m ago: if it is gone, another takes the job over when the lease "
            "ends.",
        ],
    ),
    "its worker is not listed": (
        facts(job(state=State.RUNNING, attempts=1, started_at=at(-60), worker="gone")),
        [
            f"It runs on worker gone since {AT_11_59}: run 1 of 6.",
            "Its worker is not listed: if it is gone, another takes the job over when the lease ends.",
        ],
    ),
    "it completed": (
        facts(ended(State.COMPLETED)),
        [f"It completed at {AT_20}, in run 1 of 6, after 10s."],
    ),
    "its result was not kept": (
        facts(ended(State.COMPLETED, reason="the result is not kept: too large")),
        [
            f"It completed at {AT_20}, in run 1 of 6, after 10s.",
            "About its result: the result is not kept: too large.",
        ],
    ),
    "its runs are used up": (
        facts(ended(State.FAILED, reason="attempts used up", error="E: x", max_attempts=1)),
        [
            f"It failed for good at {AT_20}: all 1 runs are used up, and the last error was E: x.",
            f"`stoker jobs retry {ID}` runs it again.",
        ],
    ),
    "its error is not retried": (
        facts(ended(State.FAILED, reason="not retryable", error="E: x")),
        [
            f"It failed for good at {AT_20}: its handler does not retry this error, E: x.",
            f"`stoker jobs retry {ID}` runs it again.",
        ],
    ),
    "it is poisoned": (
        facts(
            ended(State.FAILED, reason="poisoned", error="poisoned: ended its own process 3 times")
        ),
        [
            f"It failed for good at {AT_20}: it was poisoned: ended its own process 3 times.",
            f"`stoker jobs retry {ID}` runs it again.",
        ],
    ),
    "it was cancelled before it ran": (
        facts(ended(State.CANCELLED, started_at=None, attempts=0, reason="not needed")),
        [f"It was cancelled at {AT_20}, before it ever ran: not needed."],
    ),
    "it expired": (
        facts(ended(State.SKIPPED, started_at=None, reason="expired", expires_at=at(-30))),
        [f"It was skipped at {AT_20}, because it had not begun by {AT_30}, when it expired."],
    ),
    "there was nothing to do": (
        facts(ended(State.SKIPPED, reason="nothing to do")),
        [f"It was skipped at {AT_20}: nothing to do."],
    ),
    "it ran late": (
        facts(ended(State.COMPLETED, scheduled_at=at(-3630))),
        [
            f"It completed at {AT_20}, in run 1 of 6, after 10s.",
            "Its last run began 1h late: it was due 2026-01-31 10:59:30 UTC, and no worker of its "
            "queue was free and allowed to take it until then.",
        ],
    ),
    "it ran twice, because its worker died": (
        facts(
            ended(State.COMPLETED, crashes=1),
            history=(ran(1, "crashed", -90, None, "its worker died or lost touch"),),
        ),
        [
            f"It completed at {AT_20}, in run 1 of 6, after 10s.",
            "It has been run twice.",
            "Run 1, 2026-01-31 11:58:30 UTC on w1: ended with its worker: its worker died or lost "
            "touch",
            "A run that ends with its worker is run again: a job is run at least once, and what a "
            "broken run had done by then stands.",
        ],
    ),
    "it ran again, because somebody retried it": (
        facts(
            ended(State.COMPLETED),
            history=(ran(1, "failed", -90, -89, "E: x"), ran(1, "released", -60, -59, "shutdown")),
        ),
        [
            f"It completed at {AT_20}, in run 1 of 6, after 10s.",
            "It has been run 3 times.",
            "Run 1, 2026-01-31 11:58:30 UTC on w1: failed after 1s: E: x",
            "Run 1, 2026-01-31 11:59:00 UTC on w1: was given back unfinished after 1s: shutdown",
            "Somebody had it run anew after it had ended, and its count of runs began again.",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_facts_give_these_sentences(name: str) -> None:
    given, sentences = CASES[name]
    assert explained(given) == sentences


@pytest.mark.parametrize(
    "outcome", ["failed", "timeout", "crashed", "snoozed", "released", "cancelled", "skipped"]
)
def test_every_outcome_of_a_run_has_words(outcome: str) -> None:
    told = explained(facts(ended(State.COMPLETED), history=(ran(1, outcome, -90, -89),)))
    assert any(sentence.startswith("Run 1, 2026-01-31 11:58:30 UTC on w1: ") for sentence in told)
