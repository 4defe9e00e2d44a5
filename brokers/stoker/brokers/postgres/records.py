"""Rows as records, and records as what a row can hold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stoker.jobs.ids import made_at
from stoker.jobs.job import Claim, Job, LogLine, Run
from stoker.jobs.state import State

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_encode = msgspec.json.encode
_headers = msgspec.json.Decoder(dict[str, str]).decode
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
"""Times that every job lies between."""
BEFORE = timedelta(hours=1)
"""By how much the clock that an id was made by may be ahead of the server's."""
LARGEST_INT = 2**31


def is_id(text: str) -> bool:
    """Whether a job could have this id."""
    return _ID.fullmatch(text) is not None


def known_ids(ids: Iterable[str]) -> list[str]:
    """Those that a job could have, each once."""
    return [id for id in dict.fromkeys(ids) if is_id(id)]


def ended_since(ids: Sequence[str]) -> datetime:
    """Before when none of these jobs can have ended, if their ids tell when they were made."""
    made = made_at(min(ids))
    return datetime.fromtimestamp(made, UTC) - BEFORE if 1e5 < made < 1e11 else BEGINNING


def whole_number(value: int) -> int:
    """The same, if a column can hold it. Raises OverflowError."""
    if not -LARGEST_INT <= value < LARGEST_INT:
        raise OverflowError(f"{value} has no place in an integer of 32 bits")
    return value


def headers_text(headers: Mapping[str, str] | None) -> str | None:
    """Headers as JSON; None if there are none."""
    return _encode(headers).decode() if headers else None


def claim_of(row: tuple[Any, ...], token: str) -> Claim:
    """A claim from the columns of `claim`."""
    (
        id,
        type,
        queue,
        priority,
        payload,
        attempts,
        max_attempts,
        crashes,
        solo_deaths,
        returns,
        timeout,
        created_at,
        scheduled_at,
        started_at,
        *rare,
    ) = row
    # Fifteen at most: Python passes more keyword arguments by way of a dict, which takes longer than
    # all the rest. So what few jobs have is filled in for those that have it.
    claim = Claim(
        id=id,
        token=token,
        type=type,
        queue=queue,
        priority=priority,
        payload=payload.encode(),
        attempts=attempts,
        max_attempts=max_attempts,
        crashes=crashes,
        solo_deaths=solo_deaths,
        returns=returns,
        timeout=timeout,
        created_at=created_at,
        scheduled_at=scheduled_at,
        started_at=started_at,
    )
    return claim if rare == _NOTHING_RARE else _with_rare(claim, *rare)


_NOTHING_RARE = [None] * 4


def _with_rare(
    claim: Claim,
    tags: list[str] | None,
    recurring_id: str | None,
    headers: str | None,
    expires_at: datetime | None,
    wish: bool = False,
    wish_reason: str | None = None,
) -> Claim:
    return msgspec.structs.replace(
        claim,
        tags=tuple(tags or ()),
        recurring_id=recurring_id,
        headers=None if headers is None else _headers(headers),
        expires_at=expires_at,
        cancel_requested=wish,
        cancel_reason=wish_reason,
    )


def job_of(row: tuple[Any, ...]) -> Job:
    """A job from the columns of `get`."""
    (
        id,
        type,
        queue,
        priority,
        state,
        reason,
        payload,
        attempts,
        max_attempts,
        crashes,
        timeout,
        created_at,
        scheduled_at,
        started_at,
        completed_at,
        expires_at,
        progress,
        progress_message,
        result,
        error,
        tags,
        unique_key,
        recurring_id,
        cancel_requested,
        worker,
    ) = row
    return Job(
        id=id,
        type=type,
        queue=queue,
        priority=priority,
        state=State(state),
        reason=reason,
        payload=msgspec.Raw(payload.encode()),
        attempts=attempts,
        max_attempts=max_attempts,
        crashes=crashes,
        timeout=timeout,
        created_at=created_at,
        scheduled_at=scheduled_at,
        started_at=started_at,
        completed_at=completed_at,
        expires_at=expires_at,
        progress=progress,
        progress_message=progress_message,
        result=None if result is None else msgspec.Raw(result.encode()),
        error=error,
        tags=tuple(tags or ()),
        unique_key=unique_key,
        recurring_id=recurring_id,
        cancel_requested=cancel_requested,
        worker=worker,
    )


def run_of(row: tuple[Any, ...]) -> Run:
    """A history entry from the columns of `history`."""
    attempt, started_at, ended_at, worker, outcome, error, traceback = row
    return Run(
        attempt=attempt,
        started_at=started_at,
        ended_at=ended_at,
        worker=worker,
        outcome=outcome,
        error=error,
        traceback=traceback,
    )


def line_of(row: tuple[Any, ...]) -> LogLine:
    """A log line from the columns of `logs`."""
    at, message, level, attempt = row
    return LogLine(at=at, message=message, level=level, attempt=attempt)
