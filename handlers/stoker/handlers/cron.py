"""A handler's own schedule, as data; the scheduler reads the expression."""

import zoneinfo
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from stoker.jobs.errors import HandlerError


class Cron(msgspec.Struct, frozen=True):
    """When jobs of a handler are made by themselves.

    `expression` is a cron line of 5 fields, or 6 with the seconds first. `overlap` says what to do
    while the last one still waits or runs; `catchup` what to do about slots that were missed while
    nothing ran. `payload` holds the arguments, by parameter.
    """

    expression: str
    timezone: str = "UTC"
    overlap: Literal["skip", "allow", "queue"] = "skip"
    catchup: Literal["last", "skip", "all"] = "last"
    payload: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str) or not self.expression.strip():
            raise HandlerError(
                f"a schedule is a cron line such as '0 3 * * *', not {self.expression!r}"
            )
        _one_of("overlap", self.overlap, ("skip", "allow", "queue"))
        _one_of("catchup", self.catchup, ("last", "skip", "all"))
        if self.timezone != "UTC":
            try:
                zoneinfo.ZoneInfo(self.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, TypeError):
                raise HandlerError(
                    f"{self.timezone!r} is no time zone: give a name such as 'Europe/Vienna'"
                ) from None


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise HandlerError(f"{field} of a schedule is one of {', '.join(allowed)}, not {value!r}")
