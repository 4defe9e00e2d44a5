from datetime import UTC, date, datetime

import pytest

from stoker.handlers.reports.period import Month, group


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2026, 3, 17), "2026-03-01", "2026-04-01"),
        (date(2026, 12, 31), "2026-12-01", "2027-01-01"),
        (date(2024, 2, 29), "2024-02-01", "2024-03-01"),
    ],
)
def test_any_day_stands_for_its_month(day: date, start: str, end: str) -> None:
    month = Month.of(day)
    assert (f"{month.start:%Y-%m-%d}", f"{month.end:%Y-%m-%d}") == (start, end)


def test_the_month_before_january_is_december() -> None:
    assert str(Month.before(datetime(2026, 1, 1, tzinfo=UTC))) == "2025-12"


@pytest.mark.parametrize(
    ("kind", "name"), [("daily", "2027-01-01"), ("weekly", "2026-W53"), ("monthly", "2027-01")]
)
def test_an_instant_falls_into_a_day_an_iso_week_and_a_month(kind, name: str) -> None:
    assert group(kind, datetime(2027, 1, 1, 12, tzinfo=UTC)) == name
