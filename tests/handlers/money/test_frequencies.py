from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stoker.handlers.money.frequencies import Rule, dates, following
from stoker.handlers.money.terms import InvalidTerms

DAY = timedelta(days=1)
WEEKLY = st.builds(Rule, frequency=st.just("weekly"), day=st.integers(1, 7))
MONTHLY = st.builds(Rule, frequency=st.just("monthly"), day=st.integers(1, 31))
YEARLY = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(
    lambda day: Rule(frequency="yearly", day=day.day, month=day.month)
)
RULES = WEEKLY | MONTHLY | YEARLY
DAYS = st.dates(date(1890, 1, 1), date(2110, 1, 1))
LENGTHS = st.integers(-3, 3_000)
LEAP_DAY = Rule(frequency="yearly", day=29, month=2)


def monthly(day: int) -> Rule:
    return Rule(frequency="monthly", day=day)


def is_due(rule: Rule, day: date) -> bool:
    """The same rule, asked the other way round: of one day, by its neighbours."""
    if rule.frequency == "weekly":
        return day.isoweekday() == rule.day
    if rule.month is not None and day.month != rule.month:
        return False
    is_last = (day + DAY).month != day.month
    return day.day == rule.day or (is_last and day.day < rule.day)


def walked(rule: Rule, first: date, last: date) -> list[date]:
    days = (first + DAY * number for number in range((last - first).days + 1))
    return [day for day in days if is_due(rule, day)]


@given(RULES, DAYS, LENGTHS)
@example(monthly(31), date(2023, 1, 31), 800)
@example(LEAP_DAY, date(1895, 1, 1), 3_000)
@example(LEAP_DAY, date(1999, 2, 28), 366)
def test_the_dates_are_those_that_a_walk_over_all_days_finds(
    rule: Rule, first: date, length: int
) -> None:
    last = first + DAY * length
    assert list(dates(rule, first, last)) == walked(rule, first, last)


@given(RULES, DAYS)
@example(LEAP_DAY, date(2023, 2, 28))
@example(LEAP_DAY, date(1896, 2, 29))
def test_the_following_date_is_the_next_that_the_walk_finds(rule: Rule, day: date) -> None:
    found = following(rule, day)
    assert walked(rule, day + DAY, found) == [found]


@given(RULES, DAYS, st.integers(0, 1_500), st.integers(0, 1_500))
def test_dates_taken_in_two_parts_are_the_same_as_in_one(
    rule: Rule, first: date, one: int, other: int
) -> None:
    middle = first + DAY * one
    last = middle + DAY * other
    whole = list(dates(rule, first, last))
    assert [*dates(rule, first, middle), *dates(rule, middle + DAY, last)] == whole


def test_the_31st_is_the_last_day_of_a_shorter_month_and_comes_back() -> None:
    found = [f"{day:%m-%d}" for day in dates(monthly(31), date(2026, 1, 1), date(2026, 5, 31))]
    assert found == ["01-31", "02-28", "03-31", "04-30", "05-31"]


def test_one_date_after_the_other_drifts_no_more_than_all_at_once() -> None:
    day, found = date(2024, 1, 31), []
    for _ in range(3):
        day = following(monthly(31), day)
        found.append(day)
    assert found == [date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)]


def test_the_leap_day_is_the_28th_in_other_years() -> None:
    found = [day.isoformat() for day in dates(LEAP_DAY, date(2023, 1, 1), date(2028, 12, 31))]
    assert found == ["2023-02-28", "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


def test_a_century_that_is_no_leap_year_has_no_leap_day() -> None:
    assert list(dates(LEAP_DAY, date(2100, 1, 1), date(2100, 12, 31))) == [date(2100, 2, 28)]


def test_the_calendar_may_be_asked_from_end_to_end() -> None:
    weeks = list(dates(Rule(frequency="weekly", day=1), date.min, date.max))
    months = list(dates(monthly(31), date.min, date.max))
    assert (weeks[0], len(months), months[-1]) == (date.min, 9999 * 12, date.max)


@pytest.mark.parametrize("day", [date.max, date(9999, 12, 1)])
def test_at_the_end_of_the_calendar_nothing_follows(day: date) -> None:
    with pytest.raises(InvalidTerms, match="no yearly date after 9999-12"):
        following(Rule(frequency="yearly", day=1, month=12), day)


@pytest.mark.parametrize(
    ("frequency", "day", "month", "named"),
    [
        ("daily", 1, None, "frequency"),
        (None, 1, None, "frequency"),
        ("weekly", 0, None, "anchor_day"),
        ("weekly", 8, None, "anchor_day"),
        ("monthly", 32, None, "anchor_day"),
        ("monthly", -1, None, "anchor_day"),
        ("monthly", "31", None, "anchor_day"),
        ("monthly", 1.0, None, "anchor_day"),
        ("monthly", True, None, "anchor_day"),
        ("monthly", None, None, "anchor_day"),
        ("monthly", 1, 1, "anchor_month"),
        ("yearly", 1, None, "anchor_month"),
        ("yearly", 1, 13, "anchor_month"),
        ("yearly", 1, 0, "anchor_month"),
        ("yearly", 31, 4, "anchor_day is 1 to 30"),
        ("yearly", 30, 2, "anchor_day is 1 to 29"),
    ],
)
def test_days_that_there_are_not_are_refused(frequency: Any, day: Any, month: Any, named: str) -> None:
    with pytest.raises(InvalidTerms, match=named):
        Rule(frequency=frequency, day=day, month=month)
