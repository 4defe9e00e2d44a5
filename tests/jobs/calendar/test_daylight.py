"""What lines do when clocks are changed, place by place, in 2027.

A line with minute and hour given follows the wall clock: what it leaves out comes at once after the
change, what it shows twice comes the first time. Any other follows the time that elapses.
"""

from datetime import UTC, datetime, timedelta

import pytest

from stoker.jobs.calendar import calendar


def utc(text: str) -> datetime:
    return datetime.strptime(f"2027 {text}", "%Y %d %b %H:%M").replace(tzinfo=UTC)


VECTORS = [
    # Berlin goes from 02:00 to 03:00 on 28 March at 01:00 UTC, and back on 31 October at 01:00 UTC.
    ("Europe/Berlin", "30 2 * * *", "27 Mar 00:00", "27 Mar 01:30, 28 Mar 01:00, 29 Mar 00:30"),
    ("Europe/Berlin", "30 2 * * *", "30 Oct 00:00", "30 Oct 00:30, 31 Oct 00:30, 01 Nov 01:30"),
    ("Europe/Berlin", "0 2 * * *", "27 Mar 00:00", "27 Mar 01:00, 28 Mar 01:00, 29 Mar 00:00"),
    ("Europe/Berlin", "0 3 * * *", "30 Oct 00:00", "30 Oct 01:00, 31 Oct 02:00, 01 Nov 02:00"),
    ("Europe/Berlin", "0 1-4 * * *", "27 Mar 23:00", "28 Mar 00:00, 28 Mar 01:00, 28 Mar 02:00"),
    ("Europe/Berlin", "10,40 2 * * *", "27 Mar 12:00", "28 Mar 01:00, 29 Mar 00:10, 29 Mar 00:40"),
    ("Europe/Berlin", "0 1-4 * * *", "30 Oct 22:30",
     "30 Oct 23:00, 31 Oct 00:00, 31 Oct 02:00, 31 Oct 03:00, 01 Nov 00:00"),
    ("Europe/Berlin", "30 2 28 3 *", "01 Jan 00:00", "28 Mar 01:00"),
    ("Europe/Berlin", "*/30 * * * *", "28 Mar 00:00", "28 Mar 00:30, 28 Mar 01:00, 28 Mar 01:30"),
    ("Europe/Berlin", "*/30 * * * *", "31 Oct 00:00",
     "31 Oct 00:30, 31 Oct 01:00, 31 Oct 01:30, 31 Oct 02:00"),
    ("Europe/Berlin", "30 * * * *", "31 Oct 00:00", "31 Oct 00:30, 31 Oct 01:30, 31 Oct 02:30"),
    ("Europe/Berlin", "30 */2 * * *", "27 Mar 23:00", "27 Mar 23:30, 28 Mar 02:30, 28 Mar 04:30"),
    ("Europe/Berlin", "30 */2 * * *", "30 Oct 22:00",
     "30 Oct 22:30, 31 Oct 00:30, 31 Oct 01:30, 31 Oct 03:30"),
    ("Europe/Berlin", "*/20 2 * * *", "27 Mar 12:00", "29 Mar 00:00, 29 Mar 00:20, 29 Mar 00:40"),
    ("Europe/Berlin", "*/30 2 * * *", "30 Oct 12:00",
     "31 Oct 00:00, 31 Oct 00:30, 31 Oct 01:00, 31 Oct 01:30, 01 Nov 01:00"),
    ("Europe/Berlin", "* * 28 3 *", "28 Mar 00:58", "28 Mar 00:59, 28 Mar 01:00, 28 Mar 01:01"),
    # New York, 14 March at 07:00 UTC and 7 November at 06:00 UTC.
    ("America/New_York", "30 2 * * *", "13 Mar 00:00", "13 Mar 07:30, 14 Mar 07:00, 15 Mar 06:30"),
    ("America/New_York", "30 1 * * *", "06 Nov 00:00", "06 Nov 05:30, 07 Nov 05:30, 08 Nov 06:30"),
    ("America/New_York", "0 * * * *", "14 Mar 05:30", "14 Mar 06:00, 14 Mar 07:00, 14 Mar 08:00"),
    ("America/New_York", "30 * * * *", "07 Nov 05:00", "07 Nov 05:30, 07 Nov 06:30, 07 Nov 07:30"),
    # Lord Howe changes by half an hour: back from 02:00 to 01:30 on 3 April at 15:00 UTC, and forward
    # from 02:00 to 02:30 on 2 October at 15:30 UTC.
    ("Australia/Lord_Howe", "45 1 * * *", "03 Apr 00:00", "03 Apr 14:45, 04 Apr 15:15"),
    ("Australia/Lord_Howe", "15 2 * * *", "01 Oct 20:00", "02 Oct 15:30, 03 Oct 15:15"),
    ("Australia/Lord_Howe", "30 2 * * *", "01 Oct 20:00", "02 Oct 15:30, 03 Oct 15:30"),
    ("Australia/Lord_Howe", "*/15 * * * *", "03 Apr 14:30",
     "03 Apr 14:45, 03 Apr 15:00, 03 Apr 15:15, 03 Apr 15:30"),
    ("Australia/Lord_Howe", "45 * * * *", "03 Apr 14:00", "03 Apr 14:45, 03 Apr 15:15, 03 Apr 16:15"),
    ("Australia/Lord_Howe", "15 * * * *", "02 Oct 14:00", "02 Oct 14:45, 02 Oct 16:15"),
    ("Australia/Lord_Howe", "0 * * * *", "02 Oct 14:00", "02 Oct 14:30, 02 Oct 16:00"),
    # Cairo leaves out the first hour of 30 April, and has the last of 28 October twice.
    ("Africa/Cairo", "@daily", "28 Apr 00:00", "28 Apr 22:00, 29 Apr 22:00, 30 Apr 21:00"),
    ("Africa/Cairo", "30 0 * * *", "28 Apr 23:00", "29 Apr 22:00, 30 Apr 21:30"),
    ("Africa/Cairo", "30 0 30 * *", "28 Apr 23:00", "29 Apr 22:00, 29 May 21:30"),
    ("Africa/Cairo", "30 23 * * *", "28 Oct 12:00", "28 Oct 20:30, 29 Oct 21:30"),
    ("Africa/Cairo", "@daily", "27 Oct 22:00", "28 Oct 22:00, 29 Oct 22:00"),
    ("Africa/Cairo", "@hourly", "29 Apr 20:30", "29 Apr 21:00, 29 Apr 22:00, 29 Apr 23:00"),
    ("Africa/Cairo", "30 * 28 * *", "28 Oct 20:00", "28 Oct 20:30, 28 Oct 21:30, 27 Nov 22:30"),
    # Santiago leaves out the first hour of 5 September, and has the last of 3 April twice.
    ("America/Santiago", "@daily", "03 Sep 12:00", "04 Sep 04:00, 05 Sep 04:00, 06 Sep 03:00"),
    ("America/Santiago", "@daily", "03 Apr 00:00", "03 Apr 03:00, 04 Apr 04:00, 05 Apr 04:00"),
    ("America/Santiago", "45 23 * * *", "03 Apr 12:00", "04 Apr 02:45, 05 Apr 03:45"),
    ("America/Santiago", "@weekly", "01 Sep 00:00", "05 Sep 04:00, 12 Sep 03:00"),
    ("America/Santiago", "*/30 * * * *", "05 Sep 03:00", "05 Sep 03:30, 05 Sep 04:00, 05 Sep 04:30"),
    ("America/Santiago", "45 * * * *", "04 Apr 02:00", "04 Apr 02:45, 04 Apr 03:45, 04 Apr 04:45"),
    # Casablanca goes back for the month of fasting, on 7 February at 02:00 UTC, and forward after it,
    # on 14 March at 02:00 UTC.
    ("Africa/Casablanca", "30 2 * * *", "06 Feb 00:00", "06 Feb 01:30, 07 Feb 01:30, 08 Feb 02:30"),
    ("Africa/Casablanca", "30 2 * * *", "13 Mar 00:00", "13 Mar 02:30, 14 Mar 02:00, 15 Mar 01:30"),
    ("Africa/Casablanca", "30 * * * *", "07 Feb 01:00", "07 Feb 01:30, 07 Feb 02:30, 07 Feb 03:30"),
    ("Africa/Casablanca", "30 * * * *", "14 Mar 01:00", "14 Mar 01:30, 14 Mar 02:30, 14 Mar 03:30"),
    # Dublin's winter is the time that is said to be saved: 28 March and 31 October at 01:00 UTC.
    ("Europe/Dublin", "30 1 * * *", "27 Mar 00:00", "27 Mar 01:30, 28 Mar 01:00, 29 Mar 00:30"),
    ("Europe/Dublin", "30 1 * * *", "30 Oct 00:00", "30 Oct 00:30, 31 Oct 00:30, 01 Nov 01:30"),
    ("Europe/Dublin", "*/30 * * * *", "31 Oct 00:00",
     "31 Oct 00:30, 31 Oct 01:00, 31 Oct 01:30, 31 Oct 02:00"),
    ("Europe/Dublin", "*/30 1 * * *", "27 Mar 12:00", "29 Mar 00:00, 29 Mar 00:30"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "line", "since", "slots"), VECTORS)
def test_forward_a_line_comes_at_these_times(zone: str, line: str, since: str, slots: str) -> None:
    times = calendar(line, zone)
    at: datetime | None = utc(since)
    for slot in map(utc, slots.split(", ")):
        assert at is not None
        at = times.after(at)
        assert at == slot


@pytest.mark.parametrize(("zone", "line", "since", "slots"), VECTORS)
def test_backward_it_is_the_same(zone: str, line: str, since: str, slots: str) -> None:
    expected = list(map(utc, slots.split(", ")))
    assert calendar(line, zone).between(utc(since), expected[-1], 100) == expected


@pytest.mark.parametrize("line", ["30 2 * * *", "0,20,40 1-3 * * *", "*/20 * * * *", "25 */2 * * *"])
@pytest.mark.parametrize("change", ["28 Mar 01:00", "31 Oct 01:00"])
def test_where_one_asks_from_does_not_matter(line: str, change: str) -> None:
    times, at = calendar(line, "Europe/Berlin"), utc(change)
    slots = times.between(at - timedelta(days=2), at + timedelta(days=2), 1000)
    for minutes in range(-120, 180, 5):
        asked = at + timedelta(minutes=minutes)
        assert times.after(asked) == min(slot for slot in slots if slot > asked)
        assert times.until(asked) == max(slot for slot in slots if slot <= asked)


def test_seconds_of_a_minute_that_is_left_out_come_as_one() -> None:
    times = calendar("*/20 30 2 * * *", "Europe/Berlin")
    assert (
        times.between(utc("27 Mar 12:00"), utc("29 Mar 00:31"), 100)
        == [
            utc("28 Mar 01:00"),
            *(utc("29 Mar 00:30") + timedelta(seconds=seconds) for seconds in (0, 20, 40)),
            utc("29 Mar 00:31"),
        ][:-1]
    )


def test_seconds_of_an_hour_that_comes_twice_come_the_first_time() -> None:
    times = calendar("*/30 59 2 * * *", "Europe/Berlin")
    first = utc("31 Oct 00:59")
    assert times.between(utc("31 Oct 00:00"), utc("31 Oct 12:00"), 100) == [
        first,
        first + timedelta(seconds=30),
    ]


def test_a_line_of_every_second_goes_on_through_both_changes() -> None:
    times = calendar("* * * * * *", "Europe/Berlin")
    for change in map(utc, ("28 Mar 01:00", "31 Oct 01:00", "31 Oct 02:00")):
        around = [change + timedelta(seconds=seconds) for seconds in range(-3, 4)]
        assert times.between(around[0] - timedelta(seconds=1), around[-1], 100) == around


def test_a_day_that_a_country_left_out_is_made_up_at_once() -> None:
    # Samoa went from 29 to 31 December 2011.
    times = calendar("0 3 * * *", "Pacific/Apia")
    slots = times.between(datetime(2011, 12, 28, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC), 100)
    assert [slot.isoformat(" ", "minutes")[:16] for slot in slots] == [
        "2011-12-28 13:00",
        "2011-12-29 13:00",
        "2011-12-30 10:00",
        "2011-12-30 13:00",
        "2011-12-31 13:00",
    ]


def test_a_period_does_not_care_for_clocks() -> None:
    times = calendar("every 1h", "Europe/Berlin")
    slots = times.between(utc("31 Oct 00:00"), utc("31 Oct 04:00"), 100)
    assert slots == [utc(f"31 Oct {hour:02}:00") for hour in (1, 2, 3, 4)]
