"""Runs end: each settlement is written if its token is the current one, and says what became of it."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from stoker.brokers.instant import micros
from stoker.brokers.keepable import UNFIT, fits, progress_of, text_or_none
from stoker.brokers.sqlite.claiming import waiting_count
from stoker.brokers.sqlite.enqueueing import keep_result
from stoker.brokers.sqlite.records import INLINE, numbers_text
from stoker.brokers.sqlite.reporting import keep_logs, keep_run
from stoker.brokers.sqlite.standing import Standing, standing_of
from stoker.brokers.sqlite.transaction import Transaction
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import FINAL, MOVES, State

UNSTORABLE = (
    *UNFIT,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.IntegrityError,
)
"""What is raised for a value; anything else is about the database."""


class Way:
    """Where some jobs go together, as the row of each will say it."""

    __slots__ = ("count", "jobs", "leads_on", "row", "state")

    def __init__(self, tx: Transaction, settlement: Settlement, standing: Standing) -> None:
        """As this settlement says, of a job that stands like this."""
        self.jobs: list[Standing] = []
        self.leads_on = settlement.state in MOVES[State.RUNNING] and fits(settlement.result)
        """Whether a running job may go there, with this result."""
        state, reason = settlement.state, settlement.reason
        if standing.cancel_requested and state not in FINAL:
            state, reason = State.CANCELLED, standing.cancel_reason
        self.state = state
        final = state in FINAL
        ready = not final and settlement.delay <= 0
        self.count = waiting_count(state, ready)
        """Under which name these jobs are counted from now on."""
        now = tx.now.wall
        result = settlement.result if settlement.state in FINAL else None
        progress, message = progress_of(settlement.progress, settlement.progress_message)
        self.row = (
            settlement.token,
            str(state),
            int(ready),
            settlement.attempts,
            settlement.crashes,
            settlement.solo_deaths,
            settlement.returns,
            int(settlement.begun),
            0 if final else micros(settlement.delay),
            now,
            now if final else None,
            text_or_none(reason),
            text_or_none(settlement.error),
            result if result is None or len(result) <= INLINE else None,
            progress,
            message,
        )

    @property
    def ready(self) -> bool:
        return bool(self.row[2])


def _like(settlement: Settlement, standing: Standing) -> tuple[Any, ...]:
    """The same for settlements that go the same way: all that `Way` is made from."""
    return (
        settlement.token,
        settlement.state,
        settlement.attempts,
        settlement.crashes,
        settlement.solo_deaths,
        settlement.returns,
        settlement.begun,
        settlement.delay,
        settlement.reason,
        settlement.result,
        settlement.error,
        settlement.progress,
        settlement.progress_message,
        standing.cancel_requested,
        standing.cancel_reason,
    )


def settle(tx: Transaction, settlements: Sequence[Settlement], keep_lines: int) -> list[Verdict]:
    """Write these; see `Work.settle`. `keep_lines` is how many log lines a job keeps."""
    try:
        with tx.savepoint():
            return _settle(tx, settlements, keep_lines)
    except UNSTORABLE:
        return [_settle_alone(tx, settlement, keep_lines) for settlement in settlements]


def _settle_alone(tx: Transaction, settlement: Settlement, keep_lines: int) -> Verdict:
    try:
        with tx.savepoint():
            return _settle(tx, [settlement], keep_lines)[0]
    except UNSTORABLE:
        return "invalid"


def _settle(tx: Transaction, settlements: Sequence[Settlement], keep_lines: int) -> list[Verdict]:
    standing = standing_of(tx, [settlement.id for settlement in settlements])
    verdicts: list[Verdict] = []
    going: list[tuple[Settlement, Standing]] = []
    ways: dict[tuple[Any, ...], Way] = {}
    for settlement in settlements:
        job = standing.get(settlement.id)
        verdict = _verdict(settlement, job)
        if job is not None and verdict == "accepted":
            like = _like(settlement, job)
            way = ways.get(like) or ways.setdefault(like, Way(tx, settlement, job))
            if way.leads_on:
                way.jobs.append(job)
                going.append((settlement, job))
                standing[settlement.id] = job.after(settlement.token)
            else:
                verdict = "invalid"
        verdicts.append(verdict)
    _go(tx, ways.values())
    for settlement, job in going:
        _keep_along(tx, settlement, job, keep_lines)
    return verdicts


def _verdict(settlement: Settlement, standing: Standing | None) -> Verdict:
    """What the fence says: accepted, if the token is the one that stands."""
    if standing is None:
        return "lost"
    if standing.token != settlement.token:
        return "already" if standing.settled_token == settlement.token else "lost"
    return "accepted"


def _go(tx: Transaction, ways: Collection[Way]) -> None:
    """Write the rows: those that go alone one by one, those that go together by one statement."""
    alone = [(way.jobs[0].seq, *way.row) for way in ways if len(way.jobs) == 1]
    tx.executemany(tx.sql.settle, alone)
    for way in ways:
        if len(way.jobs) > 1:
            tx.execute(tx.sql.settle_alike, (numbers_text([job.seq for job in way.jobs]), *way.row))
        for queue, jobs in Counter(job.queue for job in way.jobs).items():
            tx.count(queue, "running", -jobs)
            tx.count(queue, way.count, jobs)
            if way.ready:
                tx.notes.ready.add(queue)
        if way.state in FINAL:
            _release(tx, way.jobs)


def _release(tx: Transaction, ended: Sequence[Standing]) -> None:
    """Free the unique keys of jobs that are final now, and tell who waits."""
    for job in ended:
        tx.notes.settled.append(job.id)
        if job.unique_key is not None:
            tx.execute(tx.sql.unique_release, (job.queue, job.unique_key, job.seq))


def _keep_along(tx: Transaction, settlement: Settlement, job: Standing, keep_lines: int) -> None:
    """Write what does not stand in the job's row."""
    result = settlement.result
    if result is not None and len(result) > INLINE and settlement.state in FINAL:
        keep_result(tx, job.seq, result)
    if settlement.run is not None:
        keep_run(tx, job.seq, settlement.run)
    if settlement.logs or settlement.dropped_logs:
        keep_logs(tx, job, settlement.logs, settlement.dropped_logs, keep_lines)
