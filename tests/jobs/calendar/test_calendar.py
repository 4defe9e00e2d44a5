import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from stoker.jobs import errors
from stoker.jobs.calendar import Calendar, calendar
from stoker.jobs.errors import InvalidSchedule

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def some(times: Calendar, since: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < count and (slot := times.after(since)) is not None:
        found.append(slot)
        since = slot
    return found


def dates(line: str, count: int, since: datetime = NEW_YEAR) -> list[str]:
    return [f"{slot:%Y-%m-%d}" for slot in some(calendar(line), since, count)]


# One slot


def test_the_next_slot_is_later_than_the_instant() -> None:
    times = calendar("0 3 * * *")
    three = NEW_YEAR.replace(hour=3)
    assert times.after(three - SECOND) == three
    assert times.after(three) == three + timedelta(days=1)
    assert times.after(three - SECOND / 10) == three
    assert times.after(three + SECOND / 10) == three + timedelta(days=1)


def test_the_last_slot_is_not_later_than_the_instant() -> None:
    times = calendar("0 3 * * *")
    three = NEW_YEAR.replace(hour=3)
    assert times.until(three) == three
    assert times.until(three + SECOND / 10) == three
    assert times.until(three - SECOND / 10) == three - timedelta(days=1)


@pytest.mark.parametrize("line", ["0 3 * * *", "*/10 * * * * *", "every 90s"])
def test_a_slot_is_a_whole_second_in_utc(line: str) -> None:
    times = calendar(line, "Europe/Vienna")
    odd = datetime(2027, 7, 1, 3, 4, 5, 678_901, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    for slot in (times.after(odd), times.until(odd)):
        assert slot is not None
        assert slot.tzinfo is UTC
        assert slot.microsecond == 0


def test_how_an_instant_is_written_does_not_matter() -> None:
    times = calendar("0 3 * * *", "America/New_York")
    for zone in ("Asia/Kathmandu", "Pacific/Kiritimati", "America/New_York"):
        assert times.after(NEW_YEAR.astimezone(ZoneInfo(zone))) == times.after(NEW_YEAR)
        assert times.until(NEW_YEAR.astimezone(ZoneInfo(zone))) == times.until(NEW_YEAR)


@pytest.mark.parametrize("line", ["0 3 * * *", "*/5 * * * *", "every 15m", "never"])
def test_an_instant_without_a_zone_is_refused(line: str) -> None:
    for ask in (calendar(line).after, calendar(line).until):
        with pytest.raises(ValueError, match=r"has a time zone, and 2027-01-01T00:00:00 has none"):
            ask(datetime(2027, 1, 1))


def test_the_clocks_are_those_of_the_zone() -> None:
    assert calendar("0 3 * * *", "Asia/Kathmandu").after(NEW_YEAR) == datetime(
        2027, 1, 1, 21, 15, tzinfo=UTC
    )


# Which days


def test_the_last_day_of_a_month_is_its_own_in_a_leap_year_too() -> None:
    assert dates("0 0 L * *", 3) == ["2027-01-31", "2027-02-28", "2027-03-31"]
    assert dates("0 0 L 2 *", 3) == ["2027-02-28", "2028-02-29", "2029-02-28"]
    assert dates("0 0 15,L 2 *", 3) == ["2027-02-15", "2027-02-28", "2028-02-15"]
    assert dates("0 0 31,L 4,5 *", 3) == ["2027-04-30", "2027-05-31", "2028-04-30"]


def test_a_day_that_a_month_lacks_is_left_out() -> None:
    assert dates("0 0 31 * *", 4) == ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]
    assert dates("0 0 29 2 *", 3) == ["2028-02-29", "2032-02-29", "2036-02-29"]


def test_a_leap_day_waits_for_eight_years_where_a_century_has_none() -> None:
    assert dates("0 0 29 2 *", 2, datetime(2096, 1, 1, tzinfo=UTC)) == ["2096-02-29", "2104-02-29"]
    assert dates("0 0 29 2 */7", 2, datetime(2088, 1, 1, tzinfo=UTC)) == ["2088-02-29", "2128-02-29"]


def test_of_day_and_weekday_one_is_enough() -> None:
    assert dates("0 0 13 * fri", 4) == ["2027-01-08", "2027-01-13", "2027-01-15", "2027-01-22"]


def test_it_takes_both_if_one_begins_with_a_star() -> None:
    assert dates("0 0 */2 * mon", 3) == ["2027-01-11", "2027-01-25", "2027-02-01"]
    assert dates("0 0 13 * */6", 3) == ["2027-02-13", "2027-03-13", "2027-06-13"]


def test_either_of_all_days_and_some_is_all_days() -> None:
    assert dates("0 0 1-31 * mon", 3) == ["2027-01-02", "2027-01-03", "2027-01-04"]
    assert dates("0 0 13 * 0-6", 3) == ["2027-01-02", "2027-01-03", "2027-01-04"]


def test_either_of_no_day_and_a_weekday_is_the_weekday() -> None:
    assert dates("0 0 30 2 mon", 3) == ["2027-02-01", "2027-02-08", "2027-02-15"]


def test_a_period_is_counted_from_the_beginning_of_1970() -> None:
    assert some(calendar("every 7m"), NEW_YEAR, 1)[0].timestamp() % 420 == 0
    assert dates("every 1w", 2) == ["2027-01-07", "2027-01-14"]  # Thursdays, as 1 January 1970 was
    assert calendar("every 1h").until(datetime(1969, 12, 31, 22, 30, tzinfo=UTC)) == datetime(
        1969, 12, 31, 22, tzinfo=UTC
    )


# What never comes


@pytest.mark.parametrize("line", ["never", "0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_what_never_comes_has_no_slots_and_takes_no_time(line: str) -> None:
    begun = process_time()
    times = calendar(line, "Europe/Vienna")
    assert times.after(NEW_YEAR) is None
    assert times.until(NEW_YEAR) is None
    assert times.between(NEW_YEAR, NEW_YEAR + timedelta(days=10_000), 100) == []
    assert process_time() - begun < 0.1


@pytest.mark.parametrize("line", ["0 3 * * *", "*/5 * * * *", "every 15m", "every 1000w"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_at_the_ends_of_time_there_is_none(line: str, zone: str) -> None:
    times = calendar(line, zone)
    assert times.after(datetime.max.replace(tzinfo=UTC)) is None
    assert times.until(datetime.min.replace(tzinfo=UTC)) in (None, datetime.min.replace(tzinfo=UTC))


# Many slots


def test_between_has_what_lies_after_the_one_and_not_after_the_other() -> None:
    times = calendar("0 * * * *")
    two, five = NEW_YEAR.replace(hour=2), NEW_YEAR.replace(hour=5)
    hours = [NEW_YEAR.replace(hour=hour) for hour in (2, 3, 4, 5)]
    assert times.between(two, five, 100) == hours[1:]
    assert times.between(two - SECOND, five, 100) == hours
    assert times.between(two, five - SECOND, 100) == hours[1:-1]
    assert times.between(two, two + SECOND, 100) == []
    assert times.between(five, two, 100) == []


def test_between_has_the_newest_if_they_are_too_many() -> None:
    times = calendar("0 * * * *")
    assert times.between(NEW_YEAR, NEW_YEAR + timedelta(days=1), 2) == [
        NEW_YEAR + timedelta(hours=23),
        NEW_YEAR + timedelta(hours=24),
    ]
    assert times.between(NEW_YEAR, NEW_YEAR + timedelta(days=1), 0) == []


@pytest.mark.parametrize("line", ["* * * * * *", "* 0-59 0-23 * * *", "every 1s"])
def test_a_long_pause_costs_no_more_than_a_short_one(line: str) -> None:
    times = calendar(line, "Europe/Berlin")
    times.after(NEW_YEAR)
    begun = process_time()
    slots = times.between(NEW_YEAR, NEW_YEAR + timedelta(days=3650), 101)
    assert process_time() - begun < 0.5
    assert len(slots) == 101
    assert slots[-1] == NEW_YEAR + timedelta(days=3650)


# Who asks


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_the_zone_of_the_machine_does_not_matter() -> None:
    code = (
        "from datetime import UTC, datetime; from stoker.jobs.calendar import calendar\n"
        "at = datetime(2027, 3, 27, 12, tzinfo=UTC)\n"
        "for line in ('30 2 * * *', '*/30 2 * * *'):\n"
        "    print(calendar(line, 'Europe/Berlin').after(at), calendar(line).until(at))"
    )
    assert run(code, TZ="America/New_York") == run(code, TZ="UTC")


def test_a_line_is_checked_without_croniter_and_who_asks_for_times_is_told_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['croniter'] = None\n"
        "from datetime import UTC, datetime; from stoker.jobs.calendar import calendar\n"
        "from stoker.jobs.errors import InvalidSchedule, MissingExtra\n"
        "at = datetime(2027, 1, 1, tzinfo=UTC)\n"
        "print(calendar('every 1h').after(at), calendar('never').after(at))\n"
        "try: calendar('61 * * * *')\n"
        "except InvalidSchedule: print('refused')\n"
        "try: calendar('0 3 * * *').after(at)\n"
        "except MissingExtra as error: print(error)"
    )
    assert run(code).splitlines() == [
        "2027-01-01 01:00:00+00:00 None",
        "refused",
        "finding the times of a schedule needs an extra that is not installed: "
        "pip install 'stoker[daemon]'",
    ]


def test_croniter_is_not_loaded_before_a_time_is_asked_for() -> None:
    code = (
        "import sys; from stoker.jobs.calendar import calendar\n"
        "calendar('0 3 * * *', 'Europe/Vienna')\n"
        "print([name for name in ('croniter', 'dateutil') if name in sys.modules])"
    )
    assert run(code) == "[]"


# Zones


@pytest.mark.parametrize(
    "zone",
    ["Europe/Vieena", "", "vienna", "Europe", "localtime", "posixrules", "right/Europe/Berlin",
     "../../etc/passwd", "/etc/localtime", "zone.tab", "tzdata.zi", "Europe/Vienna\0", "\ud800",
     "+01:00", " UTC", None, 5],
)  # fmt: skip
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        calendar("0 3 * * *", zone)
    assert str(caught.value) == f"{zone!r} is no time zone: give a name such as 'Europe/Vienna'"


def test_a_long_name_of_no_zone_is_cut() -> None:
    with pytest.raises(InvalidSchedule) as caught:
        calendar("0 3 * * *", "a" * 5000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("line", ["never", "every 15m"])
def test_a_zone_is_checked_for_a_line_that_needs_none(line: str) -> None:
    with pytest.raises(InvalidSchedule):
        calendar(line, "Europe/Vieena")


def test_a_machine_without_zones_says_so_and_knows_utc_all_the_same() -> None:
    code = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from stoker.jobs.calendar import calendar\n"
        "from stoker.jobs.errors import InvalidSchedule\n"
        "calendar('0 3 * * *', 'UTC')\n"
        "try: calendar('0 3 * * *', 'Europe/Vienna')\n"
        "except InvalidSchedule as error: print(error)"
    )
    assert run(code, PYTHONTZPATH="") == (
        "the time zone 'Europe/Vienna' cannot be found, nor any other: install the package tzdata"
    )


def test_a_bad_schedule_is_a_bad_job() -> None:
    assert issubclass(errors.InvalidSchedule, errors.InvalidJob)
