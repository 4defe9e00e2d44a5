"""Runs end: each settlement is written if its token is the current one, and says what became of it."""

import sqlite3
from collections.abc import Sequence

from stoker.brokers.instant import micros
from stoker.brokers.keepable import UNFIT, fits, progress_of, text_or_none
from stoker.brokers.sqlite.enqueueing import keep_result
from stoker.brokers.sqlite.records import INLINE
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


class Next:
    """Where one job goes, as the row will say it."""

    __slots__ = ("result", "row", "settlement", "standing", "state")

    def __init__(self, tx: Transaction, settlement: Settlement, standing: Standing) -> None:
        self.settlement = settlement
        self.standing = standing
        state, reason = settlement.state, settlement.reason
        if standing.cancel_requested and state not in FINAL:
            state, reason = State.CANCELLED, standing.cancel_reason
        self.state = state
        final = state in FINAL
        now = tx.now.wall
        self.result = result = settlement.result if settlement.state in FINAL else None
        progress, message = progress_of(settlement.progress, settlement.progress_message)
        self.row = (
            standing.seq,
            settlement.token,
            str(state),
            0 if final or settlement.delay > 0 else 1,
            settlement.attempts,
            settlement.crashes,
            settlement.solo_deaths,
            settlement.returns,
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
    def ready(self) -> int:
        return self.row[3]


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
    going: list[Next] = []
    for settlement in settlements:
        verdict = _verdict(settlement, standing.get(settlement.id))
        if verdict == "accepted":
            job = standing[settlement.id]
            going.append(Next(tx, settlement, job))
            standing[settlement.id] = job.after(settlement.token)
        verdicts.append(verdict)
    _write(tx, going, keep_lines)
    return verdicts


def _verdict(settlement: Settlement, standing: Standing | None) -> Verdict:
    if standing is None:
        return "lost"
    if standing.token != settlement.token:
        return "already" if standing.settled_token == settlement.token else "lost"
    if settlement.state not in MOVES[State.RUNNING] or not fits(settlement.result):
        return "invalid"
    return "accepted"


def _write(tx: Transaction, going: Sequence[Next], keep_lines: int) -> None:
    if not going:
        return
    tx.executemany(tx.sql.settle, [each.row for each in going])
    for each in going:
        settlement, job = each.settlement, each.standing
        tx.count(job.queue, "running", -1)
        if each.state in FINAL:
            tx.count(job.queue, str(each.state))
            tx.notes.settled.append(settlement.id)
            if job.unique_key is not None:
                tx.execute(tx.sql.unique_release, (job.queue, job.unique_key, job.seq))
        else:
            _waits(tx, each)
        if each.result is not None and len(each.result) > INLINE:
            keep_result(tx, job.seq, each.result)
        if settlement.run is not None:
            keep_run(tx, job.seq, settlement.run)
        if settlement.logs or settlement.dropped_logs:
            keep_logs(tx, job, settlement.logs, settlement.dropped_logs, keep_lines)


def _waits(tx: Transaction, each: Next) -> None:
    queue = each.standing.queue
    if each.state is State.RETRYING:
        tx.count(queue, "retrying")
    else:
        tx.count(queue, "ready" if each.ready else "delayed")
    if each.ready:
        tx.notes.ready.add(queue)
