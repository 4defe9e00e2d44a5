"""Runs end: each settlement is written if its token is the current one, and says what became of it."""

from collections.abc import Sequence

from stoker.brokers.instant import Instant, micros
from stoker.brokers.keepable import UNFIT, fits, kept_line, kept_run, progress_of, text_or_none
from stoker.brokers.memory.record import Record
from stoker.brokers.memory.reporting import keep_logs, keep_progress
from stoker.brokers.memory.store import Store
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import FINAL, MOVES, State


def settle(store: Store, now: Instant, settlements: Sequence[Settlement]) -> list[Verdict]:
    """Write these; see `Work.settle`."""
    return [_settle_one(store, now, settlement) for settlement in settlements]


def _settle_one(store: Store, now: Instant, settlement: Settlement) -> Verdict:
    record = store.jobs.get(settlement.id)
    if record is None:
        return "lost"
    if record.token != settlement.token:
        return "already" if record.settled_token == settlement.token else "lost"
    if settlement.state not in MOVES[State.RUNNING] or not fits(settlement.result):
        return "invalid"
    try:
        _write(store, now, record, settlement)
    except UNFIT:
        return "invalid"
    return "accepted"


def _write(store: Store, now: Instant, record: Record, settlement: Settlement) -> None:
    # All that can fail comes before the record is touched.
    state, reason = settlement.state, settlement.reason
    if record.cancel_requested and state not in FINAL:
        state, reason = State.CANCELLED, record.cancel_reason
    reason, error = text_or_none(reason), text_or_none(settlement.error)
    progress, message = progress_of(settlement.progress, settlement.progress_message)
    delay = micros(settlement.delay)
    lines = [kept_line(line) for line in settlement.logs]
    run = None if settlement.run is None else kept_run(settlement.run, record.worker)

    store.lift(record)
    record.state = state
    record.reason = reason
    record.error = error
    record.result = settlement.result if settlement.state in FINAL else None
    record.token, record.settled_token = None, settlement.token
    record.attempts = settlement.attempts
    record.crashes = settlement.crashes
    record.solo_deaths = settlement.solo_deaths
    record.returns = settlement.returns
    if state in FINAL:
        record.completed_at = now.wall
        store.keys.release(record)
    else:
        if not settlement.begun:
            record.started_at = None
        record.scheduled_at = now.wall + delay
        record.ready = settlement.delay <= 0
    keep_progress(record, progress, message)
    if run is not None:
        record.history = [*(record.history or ()), run]
    keep_logs(record, lines, settlement.dropped_logs, store.keep_lines)
    store.place(record)
