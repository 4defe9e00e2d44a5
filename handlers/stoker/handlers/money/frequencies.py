"""The dates of what comes weekly, monthly or yearly. Pure."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import Literal, get_args

import msgspec

from stoker.handlers.money.terms import InvalidTerms

Frequency = Literal["weekly", "monthly", "yearly"]

_LEAP_YEAR = 2024
_LONGEST_WAIT = 366
"""Days: from 28 February to the 29th of the leap year that follows."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """On which days something comes again. Raises InvalidTerms for days that there are not.

    Every date follows from the rule, none from the date before it: what is due on the 31st is due on
    28 February, and on 31 March after that.
    """

    frequency: Frequency
    day: int
    """Weekly: 1 (Monday) to 7. Else the day of the month, in a shorter month its last."""
    month: int | None = None
    """Yearly: 1 to 12. Else None."""

    def __post_init__(self) -> None:
        if self.frequency not in get_args(Frequency):
            raise InvalidTerms(f"frequency is weekly, monthly or yearly, not {self.frequency!r}")
        yearly = self.frequency == "yearly"
        if yearly != (self.month is not None) or (yearly and not _within(self.month, 12)):
            raise InvalidTerms(
                f"anchor_month is 1 to 12 for yearly dates and empty for others, not {self.month!r}"
            )
        most = 7 if self.frequency == "weekly" else _days(_LEAP_YEAR, self.month or 1)
        if not _within(self.day, most):
            raise InvalidTerms(f"anchor_day is 1 to {most} for these dates, not {self.day!r}")


def dates(rule: Rule, first: date, last: date) -> Iterator[date]:
    """The rule's dates from `first` to `last`, both included, in order."""
    if rule.frequency == "weekly":
        start = first.toordinal() + (rule.day - first.isoweekday()) % 7
        yield from map(date.fromordinal, range(start, last.toordinal() + 1, 7))
        return
    for year, month in _months(rule, first, last):
        day = date(year, month, min(rule.day, _days(year, month)))
        if first <= day <= last:
            yield day


def following(rule: Rule, day: date) -> date:
    """The first of the rule's dates after this day. Raises InvalidTerms at the end of the calendar."""
    end = date.max.toordinal()
    if day < date.max:
        first, last = day.toordinal() + 1, min(day.toordinal() + _LONGEST_WAIT, end)
        for found in dates(rule, date.fromordinal(first), date.fromordinal(last)):
            return found
    raise InvalidTerms(f"the calendar has no {rule.frequency} date after {day}")


def _months(rule: Rule, first: date, last: date) -> Iterator[tuple[int, int]]:
    if rule.month is not None:
        for year in range(first.year, last.year + 1):
            yield year, rule.month
        return
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield number // 12, number % 12 + 1


def _days(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _within(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
