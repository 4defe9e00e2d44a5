from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stoker.jobs.calendar import calendar, every
from stoker.jobs.calendar.fields import LAST
from stoker.jobs.calendar.lines import Cron, Every, Never, read
from stoker.jobs.errors import InvalidSchedule


def cron(line: str) -> Cron:
    read_line = read(line)
    assert isinstance(read_line, Cron)
    return read_line


def refusal(line: Any) -> str:
    with pytest.raises(InvalidSchedule) as caught:
        read(line)
    return str(caught.value)


def test_five_fields_are_minute_hour_day_month_and_weekday() -> None:
    line = cron("1 2 3 4 5")
    assert line.seconds == {0}
    assert (line.minutes, line.hours, line.days, line.months, line.weekdays) == (
        {1},
        {2},
        {3},
        {4},
        {5},
    )


def test_of_six_fields_the_first_is_the_second() -> None:
    line = cron("10 20 3 * * *")
    assert (line.seconds, line.minutes, line.hours) == ({10}, {20}, {3})


@pytest.mark.parametrize(
    ("field", "minutes"),
    [
        ("*", set(range(60))),
        ("0", {0}),
        ("05", {5}),
        ("59", {59}),
        ("5-8", {5, 6, 7, 8}),
        ("5-5", {5}),
        ("1,3,5", {1, 3, 5}),
        ("3,1,3", {1, 3}),
        ("*/20", {0, 20, 40}),
        ("*/45", {0, 45}),
        ("*/60", {0}),
        ("10-30/10", {10, 20, 30}),
        ("10-29/10", {10, 20}),
        ("5-5/10", {5}),
        ("50/5", {50, 55}),
        ("59/5", {59}),
        ("0,30-32,50/5,*/20", {0, 20, 30, 31, 32, 40, 50, 55}),
    ],
)
def test_a_field_names_values_ranges_and_steps(field: str, minutes: set[int]) -> None:
    assert cron(f"{field} * * * *").minutes == minutes


@pytest.mark.parametrize(
    ("field", "weekdays"),
    [
        ("sun", {0}),
        ("SAT", {6}),
        ("7", {0}),
        ("0,7", {0}),
        ("mon-fri", {1, 2, 3, 4, 5}),
        ("5-7", {0, 5, 6}),
        ("fri-sun", {0, 5, 6}),
        ("sun-tue", {0, 1, 2}),
        ("sun-sun", {0}),
        ("0-7", {0, 1, 2, 3, 4, 5, 6}),
        ("*/2", {0, 2, 4, 6}),
        ("mon-sun/2", {0, 1, 3, 5}),
        ("*/7", {0}),
        ("7/2", {0}),
        ("4/2", {4, 6}),
        ("4/3", {4}),  # the week of a step ends on Saturday
    ],
)
def test_a_week_begins_or_ends_with_sunday(field: str, weekdays: set[int]) -> None:
    assert cron(f"0 0 * * {field}").weekdays == weekdays


def test_months_have_names() -> None:
    assert cron("0 0 1 jan,Mar-MAY,dec *").months == {1, 3, 4, 5, 12}
    assert cron("0 0 1 oct/2 *").months == {10, 12}


def test_the_last_day_of_a_month_is_written_l_alone_or_in_a_list() -> None:
    assert cron("0 0 L * *").days == {LAST}
    assert cron("0 0 1,15,l * *").days == {1, 15, LAST}


@pytest.mark.parametrize(
    ("alias", "line"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@Daily", "0 0 * * *"),
    ],
)
def test_an_alias_stands_for_its_line(alias: str, line: str) -> None:
    assert read(alias) == read(line)


@pytest.mark.parametrize(
    "line",
    ["  0   3 * * *  ", "0\t3 * * *", "0 3 * * *\n", "00 03 * * *", "0 3 * * 0-7,*", "0 0 3 * * *"],
)
def test_how_a_line_is_spaced_and_spelled_does_not_matter(line: str) -> None:
    assert cron(line).hours == cron("0 3 * * *").hours
    assert calendar(line).after(datetime(2027, 1, 1, 4, tzinfo=UTC)) == datetime(
        2027, 1, 2, 3, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("days", "either"),
    [
        ("13 * fri", True),
        ("13 * *", False),
        ("* * fri", False),
        ("*/2 * fri", False),
        ("13 * */2", False),
        ("13-31/2 * fri", True),
        ("2,*/2 * fri", True),  # it does not begin with one
    ],
)
def test_one_of_the_two_days_is_enough_unless_one_begins_with_a_star(days: str, either: bool) -> None:
    assert cron(f"0 0 {days}").either is either


@pytest.mark.parametrize(
    ("times", "by_wall"),
    [
        ("0 3", True),
        ("0,30 1-4", True),
        ("0-59 0-23", True),
        ("7,*/15 3", True),  # it does not begin with one
        ("* 3", False),
        ("0 *", False),
        ("*/15 3", False),
        ("0 */2", False),
        ("*/15,7 3", False),
    ],
)
def test_a_line_follows_the_wall_clock_unless_minute_or_hour_begins_with_a_star(
    times: str, by_wall: bool
) -> None:
    assert cron(f"{times} * * *").by_wall is by_wall
    assert cron(f"0 {times} * * *").by_wall is by_wall
    assert cron(f"* {times} * * *").by_wall is by_wall  # the second does not matter


@pytest.mark.parametrize(
    "line",
    [
        "never",
        "Never",
        "0 0 31 2 *",
        "0 0 30 2 *",
        "0 0 30,31 feb *",
        "0 0 31 4,6,9,11 *",
        "0 0 31 4-6/2 */2",
        "* * * 30-31 2 *",
        "*/5 * */31 2,4 *,mon",
    ][:-1],
)
def test_what_no_year_has_never_comes(line: str) -> None:
    assert read(line) == Never()


@pytest.mark.parametrize(
    "line", ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 L 2 *", "0 0 31 2 mon", "0 0 */31 2 *"]
)
def test_what_some_year_has_does_come(line: str) -> None:
    assert isinstance(read(line), Cron)
    assert calendar(line).after(datetime(2027, 1, 1, tzinfo=UTC)) is not None


def test_of_two_days_one_that_no_year_has_is_not_looked_for() -> None:
    assert read("0 0 30 2 mon") == read("0 0 * 2 mon")
    assert read("0 0 1-31 * mon") != read("0 0 * * mon")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("every 15m", 900),
        ("every 1h30m", 5400),
        ("EVERY 1h 30m", 5400),
        ("every  90", 90),
        ("every 1s", 1),
        ("every 1.5m", 90),
        ("every 2w", 1_209_600),
    ],
)
def test_a_period_is_a_duration(line: str, seconds: int) -> None:
    assert read(line) == Every(seconds)


@pytest.mark.parametrize(
    ("period", "line"),
    [
        ("15m", "every 15m"),
        (90, "every 1m30s"),
        (5400.0, "every 1h30m"),
        (timedelta(days=1, seconds=1), "every 1d1s"),
        (10_000_001, "every 115d17h46m41s"),
    ],
)
def test_a_period_is_written_as_a_line_that_says_the_same(period: Any, line: str) -> None:
    assert every(period) == line
    read_line = read(line)
    assert isinstance(read_line, Every)
    expected = period.total_seconds() if isinstance(period, timedelta) else period
    assert period == "15m" or read_line.seconds == expected


@pytest.mark.parametrize("period", [0, 0.5, 1.5, -1, "ten", "", None, True, float("inf"), 1e300, "0s"])
def test_a_period_that_is_no_whole_seconds_is_refused(period: Any) -> None:
    with pytest.raises(InvalidSchedule, match=r"is no schedule: a period"):
        every(period)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("60 * * * *", "'60 * * * *' is no schedule: the minute 60 does not lie within 0 to 59"),
        ("60 0 * * * *", "the second 60 does not lie within 0 to 59"),
        ("0 24 * * *", "the hour 24 does not lie within 0 to 23"),
        ("0 0 0 * *", "the day of month 0 does not lie within 1 to 31"),
        ("0 0 32 * *", "the day of month 32 does not lie within 1 to 31"),
        ("0 0 1 13 *", "the month 13 does not lie within 1 to 12"),
        ("0 0 * * 8", "the day of week 8 does not lie within 0 to 7"),
        ("5-1 * * * *", "the minute range '5-1' runs backwards: write it as two, such as 5-59,0-1"),
        ("0 0 * * fri-mon", "the day of week range 'fri-mon' runs backwards: "
         "write it as two, such as fri-6,0-mon"),
        ("*/0 * * * *", "the minute step /0 does not lie within 1 to 60"),
        ("*/90 * * * *", "the minute step /90 does not lie within 1 to 60; "
         "longer periods are written as in 'every 90m'"),
        ("1,,2 * * * *", "the minute has an empty place in its list"),
        ("x * * * *", "the minute 'x' cannot be read: write *, values within 0 to 59, "
         "ranges such as 0-2, steps such as */2, or several with commas"),
        ("0 0 1 foo *", "the month 'foo' cannot be read: write *, values within 1 to 12, "
         "names such as feb, ranges such as 1-3"),
        ("0 0 15W * *", "the day of month '15w' cannot be read: write *, values within 1 to 31, "
         "ranges such as 1-3, steps such as */2, L for the last day, or several with commas"),
        ("0 0 1-L * *", "the day of month '1-l' cannot be read"),
        ("0 0 * * L", "the day of week 'l' cannot be read"),
        ("0 0 * * 5L", "the day of week '5l' cannot be read"),
        ("0 0 * * 5#2", "the day of week '5#2' cannot be read"),
        ("0 0 * mon *", "the month 'mon' cannot be read"),
        ("0 0 * * monday", "the day of week 'monday' cannot be read"),
        ("R R * * *", "the minute 'r' cannot be read"),
        ("H * * * *", "the minute 'h' cannot be read"),
        ("0 0 ? * *", "the day of month '?' cannot be read"),
        ("-1 * * * *", "the minute '-1' cannot be read"),
        ("1- * * * *", "the minute '1-' cannot be read"),
        ("+1 * * * *", "the minute '+1' cannot be read"),
        ("*-5 * * * *", "the minute '*-5' cannot be read"),
        ("*/ * * * *", "the minute '*/' cannot be read"),
        ("1.5 * * * *", "the minute '1.5' cannot be read"),
        ("\u0661 * * * *", "the minute '\u0661' cannot be read"),
        ("* * * *", "'* * * *' is no schedule: it has 4 fields, and 5 are right "
         "(minute hour day month weekday, or 6 with the second first)"),
        ("daily", "it has 1 field, and 5 are right"),
        ("0 0 0 1 1 * 2030", "it has 7 fields, and 5 are right "
         "(minute hour day month weekday, or 6 with the second first, and no year)"),
        ("@reboot", "'@reboot' is no schedule: a schedule knows no start of a machine"),
        ("@dayly", "'@dayly' is no schedule: there are @yearly, @annually, @monthly, @weekly, "
         "@daily, @midnight, @hourly, and periods such as 'every 15m'"),
        ("@every 5m", "and periods such as 'every 15m'"),
        ("every", "it has 1 field"),
        ("every day", "'every day' is no schedule: a period is written as in 'every 15m'"),
        ("every -5m", "a period is written as in 'every 15m'"),
        ("every 500ms", "a period has whole seconds, at least one"),
        ("every 0", "a period has whole seconds, at least one"),
        ("every " + "9" * 400, "a period is written as in 'every 15m'"),
        ("", "a schedule is a line such as '0 3 * * *' or 'every 15m', not ''"),
        (" \n", "a schedule is a line such as"),
        (None, "a schedule is a line such as '0 3 * * *' or 'every 15m', not None"),
        (5, "a schedule is a line such as '0 3 * * *' or 'every 15m', not 5"),
        ("0," * 600 + "0 * * * *", "a schedule has at most 1000 characters, not 1209"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_in_a_sentence_that_says_what_would_be_right(line: Any, why: str) -> None:
    text = refusal(line)
    assert why in text
    assert "\n" not in text
    assert len(text) < 400


def test_every_value_of_every_field_fits_into_a_line() -> None:
    ranges = [range(60), range(60), range(24), range(1, 32), range(1, 13), range(7)]
    line = cron(" ".join(",".join(map(str, values)) for values in ranges))
    assert line.minutes == set(range(60))
    assert line.months == set(range(1, 13))
