"""When a recurring job is wanted, as callers say it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from stoker.client.wording import shown
from stoker.jobs.calendar import Calendar, calendar
from stoker.jobs.calendar import every as every_line
from stoker.jobs.calendar.lines import read
from stoker.jobs.calendar.zones import zone
from stoker.jobs.durations import Duration, seconds
from stoker.jobs.errors import InvalidJob
from stoker.jobs.job import NewJob
from stoker.jobs.limits import LATEST, LONGEST
from stoker.jobs.recurring import Catchup, Overlap, Schedule

_CHOICES = {"overlap": ("skip", "allow", "queue"), "catchup": ("last", "skip", "all")}
SLOTS_OWN = ("id", "at", "delay", "headers")
"""Options of a job that a slot gives, or that a schedule does not keep."""


class When(TypedDict, total=False):
    """The keywords of `add_recurring` beside those of `enqueue`; `cron` or `every` must be there."""

    cron: str
    """5 fields, or 6 with the seconds first; `@daily` and the like; `never`."""
    every: Duration
    timezone: str
    """A name such as "Europe/Vienna"; UTC without one."""
    overlap: Overlap
    """While an earlier job has not ended: skip the slot (the default), allow another, or queue it."""
    catchup: Catchup
    """Of slots missed while nothing ran: the last (the default), none (skip), or all."""
    catchup_limit: int
    jitter: Duration
    starts_at: datetime
    ends_at: datetime


def schedule_of(job: NewJob, when: Mapping[str, Any]) -> Schedule:
    """The schedule of jobs like this one. Raises InvalidJob, naming what is wrong."""
    if unknown := sorted(when.keys() - When.__annotations__.keys()):
        raise InvalidJob(f"there is no option {unknown[0]!r} of a recurring job")
    timezone = when.get("timezone", "UTC")
    schedule = Schedule(
        type=job.type,
        line=_line(when),
        timezone=timezone,
        queue=job.queue,
        priority=job.priority,
        payload=msgspec.Raw(job.payload),
        max_attempts=job.max_attempts,
        timeout=job.timeout,
        expires=job.expires,
        tags=job.tags,
        unique=job.unique,
        overlap=_choice("overlap", when, "skip"),
        catchup=_choice("catchup", when, "last"),
        catchup_limit=_limit(when.get("catchup_limit", 100)),
        jitter=_duration("jitter", when.get("jitter", 0.0)),
        starts_at=_moment("starts_at", when),
        ends_at=_moment("ends_at", when),
    )
    read(schedule.line)
    zone(schedule.timezone)
    return schedule


def times_of(schedule: Schedule) -> Calendar:
    """When it comes. Raises InvalidSchedule for a line or a time zone that there is not."""
    return calendar(schedule.line, schedule.timezone)


def _line(when: Mapping[str, Any]) -> str:
    cron, every = when.get("cron"), when.get("every")
    if cron is not None and every is not None:
        raise InvalidJob("a recurring job has `cron` or `every`, not both")
    if every is not None:
        return every_line(every)
    if cron is None:
        raise InvalidJob("a recurring job has `cron`, a line such as '0 3 * * *', or `every`")
    if not isinstance(cron, str):
        raise InvalidJob(f"cron is a line such as '0 3 * * *', not {shown(cron)}")
    return cron.strip()


def _choice(option: str, when: Mapping[str, Any], default: str) -> Any:
    value = when.get(option, default)
    if value not in _CHOICES[option]:
        raise InvalidJob(f"{option} is one of {', '.join(_CHOICES[option])}, not {shown(value)}")
    return value


def _limit(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
        raise InvalidJob(f"catchup_limit is a number from 1 to 10,000, not {shown(value)}")
    return value


def _duration(option: str, value: Any) -> float:
    try:
        number = seconds(value)
    except (ValueError, TypeError) as error:
        raise InvalidJob(f"{option}: {error}") from None
    if number > LONGEST:
        raise InvalidJob(f"{option} is at most {LONGEST:.0f} seconds, not {number:.0f}")
    return number


def _moment(option: str, when: Mapping[str, Any]) -> datetime | None:
    value = when.get(option)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidJob(f"{option} is an aware datetime, not {shown(value)}")
    if value > LATEST:
        raise InvalidJob(f"{option} lies beyond the year {LATEST.year}")
    return value
