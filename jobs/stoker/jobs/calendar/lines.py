"""A schedule's line as it is written: five or six fields, `@daily`, `every 15m` or `never`."""

import re
from datetime import timedelta

import msgspec

from stoker.jobs import durations
from stoker.jobs.calendar import fields
from stoker.jobs.calendar.fields import LAST, BadField
from stoker.jobs.errors import InvalidSchedule

NEVER = "never"
LONGEST = 1000
"""Characters of a line. Every value of six fields, one by one, fits."""

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = re.compile(r"every\s+(.*)", re.IGNORECASE | re.DOTALL)
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FORM = "minute hour day month weekday, or 6 with the second first"


class Cron(msgspec.Struct, frozen=True):
    """What the fields of a cron line name."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    """Of the month; `fields.LAST` for the last one."""
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Whether one of `days` and `weekdays` is enough. As in the crons of Debian and Red Hat it takes
    both if either begins with `*`: `0 0 */2 * mon` comes on the Mondays with an odd date."""
    by_wall: bool
    """Whether each time of the wall clock counts once, for neither minute nor hour begins with `*`;
    else the line follows the time that elapses."""


class Every(msgspec.Struct, frozen=True):
    """A period, in whole seconds."""

    seconds: int


class Never(msgspec.Struct, frozen=True):
    """No time at all: `never`, or a date that no year has."""


Line = Cron | Every | Never


def read(line: str) -> Line:
    """What the line says. Raises InvalidSchedule, with the field and what would be right."""
    if not isinstance(line, str) or not line.strip():
        raise InvalidSchedule(f"a schedule is a line such as '0 3 * * *' or 'every 15m', not {line!r}")
    text = line.strip()
    if len(text) > LONGEST:
        raise InvalidSchedule(f"a schedule has at most {LONGEST} characters, not {len(text)}")
    try:
        return _read(text)
    except BadField as error:
        raise InvalidSchedule(f"{_shown(text)} is no schedule: {error}") from None


def every(period: durations.Duration) -> str:
    """The line of a period: "every 1h30m". Raises InvalidSchedule unless it is in whole seconds."""
    try:
        left = _whole(period)
    except BadField as error:
        raise InvalidSchedule(f"{period!r} is no schedule: {error}") from None
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return f"every {''.join(parts)}"


def _read(text: str) -> Line:
    if text.lower() == NEVER:
        return Never()
    if match := _EVERY.fullmatch(text):
        return Every(_whole(match[1]))
    if text.startswith("@"):
        text = _alias(text)
    parts = text.split()
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) != 6:
        year = ", and no year" if len(parts) == 7 else ""
        raise BadField(f"it has {_count(len(parts))}, and 5 are right ({_FORM}{year})")
    return _cron(*parts)


def _cron(second: str, minute: str, hour: str, day: str, month: str, weekday: str) -> Cron | Never:
    cron = Cron(
        seconds=fields.values(fields.SECOND, second),
        minutes=fields.values(fields.MINUTE, minute),
        hours=fields.values(fields.HOUR, hour),
        days=fields.values(fields.DAY, day),
        months=fields.values(fields.MONTH, month),
        weekdays=fields.values(fields.WEEKDAY, weekday),
        either=not (day.startswith("*") or weekday.startswith("*")),
        by_wall=not (minute.startswith("*") or hour.startswith("*")),
    )
    if not cron.either:
        return cron if _has_date(cron) else Never()
    if cron.days >= fields.DAY.full or cron.weekdays >= fields.WEEKDAY.full:
        return msgspec.structs.replace(cron, days=fields.DAY.full, weekdays=fields.WEEKDAY.full)
    if not _has_date(cron):  # so the weekdays alone say when
        return msgspec.structs.replace(cron, days=fields.DAY.full, either=False)
    return cron


def _has_date(cron: Cron) -> bool:
    """Whether one of the months has one of the days. Any date falls on each weekday in some year."""
    longest = max(_LONGEST_MONTHS[month - 1] for month in cron.months)
    return LAST in cron.days or min(cron.days) <= longest


def _alias(text: str) -> str:
    name = text.lower()
    if name == "@reboot":
        raise BadField("a schedule knows no start of a machine; enqueue the job at the start instead")
    if name not in _ALIASES:
        raise BadField(f"there are {', '.join(_ALIASES)}, and periods such as 'every 15m'")
    return _ALIASES[name]


def _whole(period: durations.Duration) -> int:
    try:
        seconds = durations.seconds(period)
    except ValueError:
        raise BadField("a period is written as in 'every 15m' or 'every 1h30m'") from None
    if seconds < 1 or not seconds.is_integer() or seconds > timedelta.max.total_seconds():
        raise BadField("a period has whole seconds, at least one")
    return int(seconds)


def _count(number: int) -> str:
    return "1 field" if number == 1 else f"{number} fields"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
