"""A handler's own schedule, as data."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from stoker.jobs.calendar import calendar
from stoker.jobs.errors import HandlerError, InvalidSchedule


class Cron(msgspec.Struct, frozen=True):
    """When jobs of a handler are made by themselves.

    `expression` is a cron line of 5 fields, or 6 with the seconds first; or `@daily` and the like,
    `every 15m`, `never`. `overlap` says what to do while the last one still waits or runs; `catchup`
    what to do about slots that were missed while nothing ran. `payload` holds the arguments, by
    parameter. Raises HandlerError for what is no schedule.
    """

    expression: str
    timezone: str = "UTC"
    overlap: Literal["skip", "allow", "queue"] = "skip"
    catchup: Literal["last", "skip", "all"] = "last"
    payload: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        try:
            calendar(self.expression, self.timezone)
        except InvalidSchedule as error:
            raise HandlerError(str(error)) from None
        _one_of("overlap", self.overlap, ("skip", "allow", "queue"))
        _one_of("catchup", self.catchup, ("last", "skip", "all"))


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise HandlerError(f"{field} of a schedule is one of {', '.join(allowed)}, not {value!r}")
