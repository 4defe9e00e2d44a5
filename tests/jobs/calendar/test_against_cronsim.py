"""Generated lines, and what another library makes of them; where the two differ, and what is decided.

It reads these otherwise, so no such line is generated:

- `5-5/10`: it takes the range of one value for a beginning, as if `5/10` were written. Here, as in the
  crons of Debian and Red Hat, a range ends where it says.
- `4/3` as a weekday: its week ends with a 7, so that this is Thursday and Sunday. Here a step ends
  with Saturday, as `*` does.
- Six fields with minute and hour given: it lets them follow the time that elapses. Here the first
  field makes no difference.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError

from stoker.jobs.calendar import calendar
from stoker.jobs.calendar.lines import Cron, read
from stoker.jobs.errors import InvalidSchedule

SLOTS = 4
BEGIN, YEARS = datetime(2026, 1, 1, tzinfo=UTC), 5 * 365


class Place(NamedTuple):
    """A field as it is generated."""

    least: int
    most: int
    star: float
    words: tuple[str, ...] = ()


SECOND = Place(0, 59, 0.1)
PLACES = (
    Place(0, 59, 0.2),
    Place(0, 23, 0.3),
    Place(1, 31, 0.5, ("L", "l")),
    Place(1, 12, 0.6, ("jan", "FEB", "apr", "Dec")),
    Place(0, 7, 0.5, ("sun", "mon", "WED", "Sat", "mon-fri")),
)


def part(dice: random.Random, place: Place) -> str:
    low, high = sorted(dice.choices(range(place.least, place.most + 1), k=2))
    step = dice.randint(1, place.most - place.least)
    ways = ["*", f"*/{step}", str(low), f"{low}-{high}", *place.words]
    if low < high:
        ways.append(f"{low}-{high}/{step}")
    if place.most != 7:
        ways.append(f"{low}/{step}")
    return dice.choice(ways)


def field(dice: random.Random, place: Place) -> str:
    if dice.random() < place.star:
        return "*"
    return ",".join(part(dice, place) for _ in range(dice.choice((1, 1, 1, 2, 3))))


def lines(dice: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        fields = [field(dice, place) for place in PLACES]
        if dice.random() < 0.3:
            fields.insert(0, field(dice, SECOND))
        yield " ".join(fields)


def ours(line: str, zone: str, instant: datetime) -> list[datetime]:
    times, found = calendar(line, zone), []
    slot = times.after(instant)
    while slot is not None and len(found) < SLOTS:
        found.append(slot)
        slot = times.after(slot)
    return found


def theirs(line: str, zone: str, instant: datetime, *, reverse: bool = False) -> list[datetime]:
    found: list[datetime] = []
    try:
        walk = CronSim(line, instant.astimezone(ZoneInfo(zone)), reverse)
        while len(found) < SLOTS:
            found.append(next(walk).astimezone(UTC))
    except (CronSimError, StopIteration):  # a date that no year has
        pass
    return found


def backward(line: str, zone: str, instant: datetime) -> list[datetime]:
    times, found = calendar(line, zone), []
    slot = times.until(instant - instant.resolution)
    while slot is not None and len(found) < SLOTS:
        found.append(slot)
        slot = times.until(slot - slot.resolution)
    return found


def follows_time(line: str) -> bool:
    parsed = read(line)
    return isinstance(parsed, Cron) and not parsed.by_wall


CHANGES = {
    "Europe/Berlin": ("2027-03-28T01:00Z", "2027-10-31T01:00Z"),
    "America/New_York": ("2027-03-14T07:00Z", "2027-11-07T06:00Z"),
    "Africa/Cairo": ("2027-04-29T22:00Z", "2027-10-28T21:00Z"),
    "America/Santiago": ("2027-09-05T04:00Z", "2027-04-04T03:00Z"),
    "Africa/Casablanca": ("2027-03-14T02:00Z", "2027-02-07T02:00Z"),
    "Europe/Dublin": ("2027-03-28T01:00Z", "2027-10-31T01:00Z"),
}


@pytest.mark.parametrize("seed", range(4))
def test_both_find_the_same_slots_in_utc(seed: int) -> None:
    dice = random.Random(seed)
    for line in lines(dice, 1000):
        at = BEGIN + timedelta(days=dice.randrange(YEARS), seconds=dice.randrange(86_400))
        assert ours(line, "UTC", at) == theirs(line, "UTC", at), (line, at)
        assert backward(line, "UTC", at) == theirs(line, "UTC", at, reverse=True), (line, at)


@pytest.mark.parametrize("zone", CHANGES)
def test_both_find_the_same_slots_around_a_change_of_the_clocks(zone: str) -> None:
    dice, kinds = random.Random(zone), Counter[bool]()
    for drawn in lines(dice, 400):
        line = " ".join((*drawn.split()[:-3], "* * *"))
        change = datetime.fromisoformat(dice.choice(CHANGES[zone]))
        at = change + timedelta(minutes=dice.randrange(-180, 120), seconds=dice.randrange(60))
        by_wall = not follows_time(line)
        if by_wall and (len(line.split()) == 6 or at.astimezone(ZoneInfo(zone)).fold):
            continue  # see above, and below
        kinds[by_wall] += 1
        assert ours(line, zone, at) == theirs(line, zone, at), (line, at)
    assert min(kinds[True], kinds[False]) > 50


@pytest.mark.parametrize(
    ("line", "zone", "since", "our", "their"),
    [
        # A range of one value.
        ("5-5/10 * * * *", "UTC", "2027-01-01T00:10Z", "2027-01-01T01:05Z", "2027-01-01T00:15Z"),
        # The week of a step.
        ("0 0 * * 4/3", "UTC", "2027-01-01T00:00Z", "2027-01-07T00:00Z", "2027-01-03T00:00Z"),
        # It lets six fields follow time, whatever they are.
        ("0 30 2 * * *", "Europe/Berlin",
         "2027-10-31T00:45Z", "2027-11-01T01:30Z", "2027-10-31T01:30Z"),
        ("0 30 2 * * *", "Europe/Berlin",
         "2027-03-27T12:00Z", "2027-03-28T01:00Z", "2027-03-29T00:30Z"),
        # Asked when an hour is there for the second time, it answers with what has been.
        ("45 2 * * *", "Europe/Berlin", "2027-10-31T01:30Z", "2027-11-01T01:45Z", "2027-10-31T00:45Z"),
        # It steps by whole hours over a change of half an hour: 02:39 there is 15:39 in UTC.
        ("39 * * * *", "Australia/Lord_Howe",
         "2027-10-02T15:15Z", "2027-10-02T15:39Z", "2027-10-02T16:39Z"),
        ("* 3 * * *", "Australia/Lord_Howe",
         "2027-04-03T13:25Z", "2027-04-03T16:30Z", "2027-04-03T17:00Z"),
        # Where a midnight is left out it starts the day with an hour that the line does not name.
        ("* */3 * * 0", "America/Santiago",
         "2027-09-04T19:27Z", "2027-09-05T06:00Z", "2027-09-05T04:00Z"),
    ],
)  # fmt: skip
def test_where_they_differ_it_is_decided(
    line: str, zone: str, since: str, our: str, their: str
) -> None:
    at = datetime.fromisoformat(since)
    assert ours(line, zone, at)[0] == datetime.fromisoformat(our)
    assert theirs(line, zone, at)[0] == datetime.fromisoformat(their)


@pytest.mark.parametrize(
    "line",
    [
        *("*/5 * * *", "5-1 * * * *", "*/0 * * * *", "60 * * * *", "1,,2 * * * *", "-1 * * * *"),
        *("0 0 1-L * *", "0 0 * mon *", "R * * * *", "@reboot", "0 0 0 1 1 * 2030"),
    ],
)
def test_both_refuse_what_nobody_can_read(line: str) -> None:
    with pytest.raises(CronSimError):
        CronSim(line, BEGIN)
    with pytest.raises(InvalidSchedule):
        read(line)


@pytest.mark.parametrize("line", ["0 0 * * fri-sun", "@daily", "every 15m", "0 0 31 2 *"])
def test_it_refuses_some_that_are_taken_here(line: str) -> None:
    with pytest.raises(CronSimError):
        CronSim(line, BEGIN)
    read(line)


@pytest.mark.parametrize("line", ["*/90 * * * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * 5#2"])
def test_it_takes_more_than_is_taken_here(line: str) -> None:
    CronSim(line, BEGIN)
    with pytest.raises(InvalidSchedule):
        read(line)
