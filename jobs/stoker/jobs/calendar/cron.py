"""The times of a cron line on the wall: the one place that knows croniter.

It is given plain lists of values and naive times only, and so never comes to what it reads otherwise
than others do (`5-1`, `jan-jan`, `R`, the place of the seconds) or gets wrong (clocks put back).
"""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from stoker.jobs.calendar import fields
from stoker.jobs.calendar.fields import LAST, Field
from stoker.jobs.calendar.lines import Cron
from stoker.jobs.errors import MissingExtra

if TYPE_CHECKING:
    from croniter import croniter


class Walls:
    """Wall times, as naive datetimes in whole seconds, whether or not a zone's clocks show them."""

    def __init__(self, cron: Cron) -> None:
        self._line = cron

    def after(self, wall: datetime) -> datetime | None:
        """The first one later than this; None if none comes before the years end."""
        return _asked(copy(self._cron).get_next, wall)

    def before(self, wall: datetime) -> datetime | None:
        """The last one earlier than this; None if there was none since the years began."""
        return _asked(copy(self._cron).get_prev, wall)

    @cached_property
    def _cron(self) -> "croniter":
        """Raises MissingExtra without croniter. Who only writes schedules need not have it."""
        try:
            from croniter import croniter
        except ImportError as error:
            raise MissingExtra("finding the times of a schedule", "daemon") from error
        return croniter(_written(self._line), 0, day_or=self._line.either)


def _asked(search: "Callable[..., datetime]", wall: datetime) -> datetime | None:
    """It searches from the state of its object, which is a copy: calendars are shared by threads."""
    try:
        return search(datetime, start_time=wall)
    except (ValueError, OverflowError):  # past the year 9999, or before the year 1
        return None


def _written(cron: Cron) -> str:
    """The line for croniter, which wants the seconds last."""
    parts = [
        _list(fields.MINUTE, cron.minutes),
        _list(fields.HOUR, cron.hours),
        _list(fields.DAY, cron.days),
        _list(fields.MONTH, cron.months),
        _list(fields.WEEKDAY, cron.weekdays),
    ]
    if cron.seconds != {0}:
        parts.append(_list(fields.SECOND, cron.seconds))
    return " ".join(parts)


def _list(field: Field, values: frozenset[int]) -> str:
    if values >= field.full:
        return "*"
    return ",".join("l" if field.last and value == LAST else str(value) for value in sorted(values))
