"""Which days a report covers, and how it groups them. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

Kind = Literal["daily", "weekly", "monthly"]


class Month(msgspec.Struct, frozen=True):
    """A calendar month in UTC."""

    first: date

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.replace(day=1))

    @classmethod
    def before(cls, now: datetime) -> "Month":
        """The last month that is over."""
        return cls.of(now.astimezone(UTC).date().replace(day=1) - timedelta(days=1))

    @property
    def start(self) -> datetime:
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        years, month = divmod(self.first.month, 12)
        return datetime(self.first.year + years, month + 1, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def group(kind: Kind, at: datetime) -> str:
    """The part of the month that an instant falls into: 2026-03-09, 2026-W11 or 2026-03."""
    if kind == "daily":
        return f"{at:%Y-%m-%d}"
    if kind == "weekly":
        year, week, _ = at.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{at:%Y-%m}"
