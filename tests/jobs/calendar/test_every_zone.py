"""Every zone of the database, 2026 to 2030, against what the wall clock shows minute by minute."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

from stoker.jobs.calendar import calendar
from stoker.jobs.calendar.lines import Cron, read

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
AROUND = timedelta(hours=3)
"""Before and after a change. None of these years is by more than two hours."""

FOLLOWS_THE_WALL = "10,40 0-23 * * *"
FOLLOWS_TIME = ("*/20 * * * *", "5 */2 * * *")


def names() -> list[str]:
    return sorted(zoneinfo.available_timezones() - {"localtime"})  # what this machine is set to


@cache
def changes(name: str) -> list[datetime]:
    """The minutes at which clocks are changed. None of these years has two changes in a week."""
    zone = zoneinfo.ZoneInfo(name)
    weeks = [BEGIN + week * WEEK for week in range((END - BEGIN) // WEEK + 2)]
    return [change(zone, a, b) for a, b in pairwise(weeks) if offset(zone, a) != offset(zone, b)]


def change(zone: zoneinfo.ZoneInfo, early: datetime, late: datetime) -> datetime:
    before = offset(zone, early)
    while late - early > MINUTE:
        middle = early + (late - early) // 2 // MINUTE * MINUTE
        if offset(zone, middle) == before:
            early = middle
        else:
            late = middle
    return late


def offset(zone: zoneinfo.ZoneInfo, instant: datetime) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def shows(line: Cron, wall: datetime) -> bool:
    """Whether the wall clock shows a time of this line, of any day."""
    return wall.minute in line.minutes and wall.hour in line.hours and wall.second in line.seconds


def expected(text: str, name: str, around: datetime) -> Iterator[datetime]:
    """The slots of a line without days, minute by minute."""
    line, zone = read(text), zoneinfo.ZoneInfo(name)
    assert isinstance(line, Cron)
    minute, last = around - AROUND + MINUTE, around + AROUND
    shown = (minute - MINUTE).astimezone(zone).replace(tzinfo=None)
    while minute <= last:
        wall = minute.astimezone(zone)
        comes = shows(line, wall)
        if line.by_wall:
            left_out, naive = shown + MINUTE, wall.replace(tzinfo=None)
            while left_out < naive:
                comes = comes or shows(line, left_out)
                left_out += MINUTE
            comes = comes and not wall.fold
        if comes:
            yield minute
        shown = wall.replace(tzinfo=None)
        minute += MINUTE


def test_there_are_zones_and_changes_to_look_at() -> None:
    assert len(names()) > 400
    assert len(changes("Europe/Berlin")) == 10
    assert len({at for name in names() for at in changes(name)}) > 50


def test_around_each_change_a_line_comes_when_the_wall_clock_says() -> None:
    seen: set[tuple[datetime, timedelta | None, timedelta | None]] = set()
    for name in names():
        zone = zoneinfo.ZoneInfo(name)
        for at in changes(name):
            # Zones that change alike at the same instant are alike around it.
            alike = (at, offset(zone, at - MINUTE), offset(zone, at))
            if alike in seen:
                continue
            seen.add(alike)
            for text in (FOLLOWS_THE_WALL, *FOLLOWS_TIME):
                times = calendar(text, name)
                slots = list(expected(text, name, at))
                assert times.between(at - AROUND, at + AROUND, 1000) == slots, (name, at, text)
                assert times.after(at - AROUND) == slots[0], (name, at, text)
                for one, following in pairwise(slots):
                    assert times.after(one) == following, (name, at, text)


def test_through_all_years_each_zone_has_each_slot_once_and_in_order() -> None:
    for name in names():
        zone = zoneinfo.ZoneInfo(name)
        times = calendar("30 2 L * *", name)
        slot, found = times.after(BEGIN - DAY), []
        while slot is not None and slot < END:
            found.append(slot)
            slot = times.after(slot)
        assert len(found) in (60, 61), name
        walls = [slot.astimezone(zone) for slot in found]
        for slot, wall in zip(found, walls, strict=True):
            assert (wall + DAY).day == 1, (name, wall)
            assert (wall.hour, wall.minute, wall.fold) == (2, 30, 0) or slot in changes(name)
        assert all(one < following for one, following in pairwise(found)), name
