"""What of a run's news every store can keep; the rest is refused, replaced or left out."""

import math
from datetime import datetime

import msgspec

from stoker.brokers.instant import moment, stamp
from stoker.jobs.codec import storable
from stoker.jobs.job import LogLine, Run

LARGEST_RESULT = 64 * 1024 * 1024
"""Bytes. Clients and daemons draw the line far below; this one protects the store."""
LONGEST_LEVEL = 20
"""Characters of a log line's level."""
UNFIT = (TypeError, ValueError, OverflowError)
"""What making a value fit for a store raises if it cannot be, such as a time without a zone."""
_json = msgspec.json.Decoder(msgspec.Raw).decode


def fits(result: bytes | None) -> bool:
    """Whether this can be kept as a result: JSON text of a size that makes sense."""
    if result is None:
        return True
    try:
        _json(result)
        result.decode()
    except (msgspec.MsgspecError, RecursionError, *UNFIT):
        return False
    return len(result) <= LARGEST_RESULT


def text_or_none(text: str | None) -> str | None:
    """A text as it can be kept, if there is one."""
    return None if text is None else storable(text)


def progress_of(progress: float | None, message: str | None) -> tuple[float | None, str | None]:
    """As it can be kept: no number that is none, no text that is none."""
    if progress is not None and not math.isfinite(progress):
        progress = None
    return progress, text_or_none(message)


def kept_line(line: LogLine) -> LogLine:
    """A log line as it can be kept."""
    return LogLine(
        at=_kept_time(line.at),
        message=storable(line.message),
        level=storable(line.level, LONGEST_LEVEL),
        attempt=line.attempt,
    )


def kept_run(run: Run, worker: str | None) -> Run:
    """A history entry as it can be kept; its worker is the job's, unless it is said."""
    return Run(
        attempt=run.attempt,
        started_at=_kept_time(run.started_at),
        ended_at=None if run.ended_at is None else _kept_time(run.ended_at),
        worker=worker if run.worker is None else storable(run.worker),
        outcome=storable(run.outcome),
        error=text_or_none(run.error),
        traceback=text_or_none(run.traceback),
    )


def _kept_time(at: datetime) -> datetime:
    return moment(stamp(at))
