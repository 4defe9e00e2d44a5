"""Answers of scripts as records, and records as what a script takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from stoker.brokers.instant import moment
from stoker.jobs.codec import storable
from stoker.jobs.job import Claim, Job, LogLine, NewJob, Run
from stoker.jobs.state import State

Row = Sequence[Any]


class About(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What scripts never look at, kept as one JSON array."""

    type: str
    max_attempts: int
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    headers: dict[str, str] | None = None


_encode = msgspec.json.encode
about_of = msgspec.json.Decoder(About).decode
_line = msgspec.json.Decoder(LogLine).decode
_run = msgspec.json.Decoder(Run).decode
encoded_line = _encode
encoded_run = _encode


def encoded_about(job: NewJob) -> bytes:
    headers = dict(job.headers) if job.headers else None
    return _encode(About(job.type, job.max_attempts, job.timeout, job.tags, headers))


def id_bytes(id: str) -> bytes:
    """An id as it is sent; text that is no id at all becomes one that nothing has."""
    return storable(id).encode()


def text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _moment(value: bytes | None) -> datetime | None:
    return None if value is None else moment(int(value))


def claim_of(row: Row, token: str, started_at: datetime) -> Claim:
    """A claim from a row of claim.lua."""
    (
        id,
        queue,
        priority,
        about,
        payload,
        attempts,
        crashes,
        solo_deaths,
        returns,
        created,
        scheduled,
        *rare,
    ) = row
    known = about_of(about)
    created_at = moment(int(created))
    # Few keyword arguments: Python passes more than fifteen by way of a dict.
    claim = Claim(
        id=id.decode(),
        token=token,
        type=known.type,
        queue=queue.decode(),
        priority=int(priority),
        payload=payload,
        attempts=int(attempts or 0),
        max_attempts=known.max_attempts,
        crashes=int(crashes or 0),
        solo_deaths=int(solo_deaths or 0),
        returns=int(returns or 0),
        timeout=known.timeout,
        created_at=created_at,
        scheduled_at=created_at if scheduled == created else moment(int(scheduled)),
        started_at=started_at,
    )
    plain = rare == _NOTHING_RARE and not known.tags and known.headers is None
    return claim if plain else _with_rare(claim, known, rare)


_NOTHING_RARE = [None, None]


def _with_rare(claim: Claim, about: About, rare: Row) -> Claim:
    expires, recurring = rare
    return msgspec.structs.replace(
        claim,
        tags=about.tags,
        headers=about.headers,
        expires_at=_moment(expires),
        recurring_id=text(recurring),
    )


def reclaim_of(row: Row, token: str) -> Claim:
    """A claim from a row of reclaim.lua: that of claim.lua, and what a run of before has left."""
    *row, started, wish, reason = row
    claim = claim_of(row, token, moment(int(started)))
    if wish is None:
        return claim
    return msgspec.structs.replace(claim, cancel_requested=True, cancel_reason=text(reason))


def job_of(id: str, row: Row) -> Job | None:
    """A job from the fields of get.lua; None if there is none."""
    (
        about,
        payload,
        queue,
        priority,
        state,
        reason,
        attempts,
        crashes,
        created,
        scheduled,
        started,
        completed,
        expires,
        progress,
        progress_message,
        result,
        error,
        unique,
        recurring,
        cancel_requested,
        worker,
    ) = row
    if state is None:
        return None
    known = about_of(about)
    return Job(
        id=id,
        type=known.type,
        queue=queue.decode(),
        priority=int(priority),
        state=State(state.decode()),
        reason=text(reason),
        payload=msgspec.Raw(payload),
        attempts=int(attempts or 0),
        max_attempts=known.max_attempts,
        crashes=int(crashes or 0),
        timeout=known.timeout,
        created_at=moment(int(created)),
        scheduled_at=moment(int(scheduled)),
        started_at=_moment(started),
        completed_at=_moment(completed),
        expires_at=_moment(expires),
        progress=None if progress is None else float(progress),
        progress_message=text(progress_message),
        result=None if result is None else msgspec.Raw(result),
        error=text(error),
        tags=known.tags,
        unique_key=text(unique),
        recurring_id=text(recurring),
        cancel_requested=cancel_requested is not None,
        worker=text(worker),
    )


def history_of(entries: Sequence[bytes]) -> tuple[Run, ...]:
    """A history from what is kept: the worker of each run, and the run."""
    return tuple(
        msgspec.structs.replace(_run(run), worker=worker.decode() or None)
        for worker, run in zip(entries[::2], entries[1::2], strict=True)
    )


def logs_of(entries: Sequence[bytes]) -> tuple[LogLine, ...]:
    return tuple(map(_line, entries))


def pairs_of(flat: Sequence[bytes]) -> dict[str, bytes]:
    """Fields and values in turns, as a mapping."""
    return {field.decode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}
