"""Rows as records, and records as what a row can hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from stoker.brokers.instant import moment
from stoker.jobs.codec import storable
from stoker.jobs.job import Claim, Job, LogLine, Run
from stoker.jobs.state import State

INLINE = 2048
"""Bytes of a payload or result up to which it lies in the job's row; what is larger lies apart, so that
a claim and a renewal do not write it anew."""
_encode = msgspec.json.encode
_tags = msgspec.json.Decoder(tuple[str, ...]).decode
_headers = msgspec.json.Decoder(dict[str, str]).decode


def ids_text(ids: Sequence[str]) -> str:
    """Ids as a JSON array; text that is no id at all becomes one that nothing has."""
    try:
        return _encode(ids).decode()
    except (UnicodeEncodeError, msgspec.MsgspecError):
        return _encode([storable(id) for id in ids]).decode()


def numbers_text(numbers: Sequence[int]) -> str:
    """Numbers of jobs as a JSON array."""
    return _encode(numbers).decode()


def text_of(value: Mapping[str, str] | tuple[str, ...] | None) -> str | None:
    """Tags or headers as JSON; None if there are none."""
    return _encode(value).decode() if value else None


def tags_of(text: str | None) -> tuple[str, ...]:
    return () if text is None else _tags(text)


def claim_of(
    row: tuple[Any, ...],
    token: str,
    started_at: datetime,
    *,
    attempts: int,
    cancel: tuple[bool, str | None] = (False, None),
) -> Claim:
    """A claim from the columns that `claim_ready` and `reclaim` end with, from `id` on."""
    (
        id,
        type,
        queue,
        priority,
        payload,
        _,
        max_attempts,
        crashes,
        solo_deaths,
        returns,
        timeout,
        created_at,
        scheduled_at,
        *rare,
    ) = row
    created = moment(created_at)
    # Fifteen at most: Python passes more keyword arguments by way of a dict, which takes longer than
    # all the rest. So what few jobs have is filled in for those that have it.
    claim = Claim(
        id=id,
        token=token,
        type=type,
        queue=queue,
        priority=priority,
        payload=payload,
        attempts=attempts,
        max_attempts=max_attempts,
        crashes=crashes,
        solo_deaths=solo_deaths,
        returns=returns,
        timeout=timeout,
        created_at=created,
        scheduled_at=created if scheduled_at == created_at else moment(scheduled_at),
        started_at=started_at,
    )
    return claim if rare == _NOTHING_RARE and not cancel[0] else _with_rare(claim, rare, cancel)


_NOTHING_RARE = [None] * 4


def _with_rare(claim: Claim, rare: list[Any], cancel: tuple[bool, str | None]) -> Claim:
    tags, recurring_id, headers, expires_at = rare
    return msgspec.structs.replace(
        claim,
        tags=tags_of(tags),
        recurring_id=recurring_id,
        headers=None if headers is None else _headers(headers),
        expires_at=None if expires_at is None else moment(expires_at),
        cancel_requested=cancel[0],
        cancel_reason=cancel[1],
    )


def job_of(row: tuple[Any, ...]) -> Job:
    """A job from the columns of `get`, from `id` on."""
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
        payload=msgspec.Raw(payload),
        attempts=attempts,
        max_attempts=max_attempts,
        crashes=crashes,
        timeout=timeout,
        created_at=moment(created_at),
        scheduled_at=moment(scheduled_at),
        started_at=None if started_at is None else moment(started_at),
        completed_at=None if completed_at is None else moment(completed_at),
        expires_at=None if expires_at is None else moment(expires_at),
        progress=progress,
        progress_message=progress_message,
        result=None if result is None else msgspec.Raw(result),
        error=error,
        tags=tags_of(tags),
        unique_key=unique_key,
        recurring_id=recurring_id,
        cancel_requested=bool(cancel_requested),
        worker=worker,
    )


def run_of(row: tuple[Any, ...]) -> Run:
    """A history entry from the columns of `history`."""
    attempt, started_at, ended_at, worker, outcome, error, traceback = row
    return Run(
        attempt=attempt,
        started_at=moment(started_at),
        ended_at=None if ended_at is None else moment(ended_at),
        worker=worker,
        outcome=outcome,
        error=error,
        traceback=traceback,
    )


def line_of(row: tuple[Any, ...]) -> LogLine:
    """A log line from the columns of `logs`."""
    at, message, level, attempt = row
    return LogLine(at=moment(at), message=message, level=level, attempt=attempt)
