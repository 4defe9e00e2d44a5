"""The slots of each kind of line: instants in UTC and in whole seconds, found from any other."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from stoker.jobs.calendar.cron import Walls
from stoker.jobs.calendar.zones import (
    SECOND,
    Change,
    change_around,
    instant_of,
    local,
    offsets,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Slots(Protocol):
    """An endless or empty row of instants. Whoever asks gives whole seconds in UTC."""

    def after(self, instant: datetime) -> datetime | None:
        """The first one later than this instant."""
        ...

    def until(self, instant: datetime) -> datetime | None:
        """The last one that is not later than this instant."""
        ...


class NoSlots:
    """Of what never comes."""

    def after(self, instant: datetime) -> datetime | None:
        return None

    def until(self, instant: datetime) -> datetime | None:
        return None


class PeriodSlots:
    """Of a period. They are counted from the beginning of 1970 in UTC, and so the same everywhere."""

    def __init__(self, seconds: int) -> None:
        self._period = timedelta(seconds=seconds)

    def after(self, instant: datetime) -> datetime | None:
        return self.until(instant) + self._period

    def until(self, instant: datetime) -> datetime:
        return _EPOCH + (instant - _EPOCH) // self._period * self._period


class WallSlots:
    """Of a line with hour and minute given: each wall time once, however clocks are changed.

    One that clocks leave out comes at once after they are put forward; several such come as one. One
    that they show twice comes the first time.
    """

    def __init__(self, walls: Walls, zone: tzinfo) -> None:
        self._walls = walls
        self._zone = zone

    def after(self, instant: datetime) -> datetime | None:
        wall, again = local(instant, self._zone)
        if again:  # all that repeats has been
            wall = self._change(wall).leaves - SECOND
        found = self._walls.after(wall)
        return None if found is None else self._slot(found)

    def until(self, instant: datetime) -> datetime | None:
        wall, again = local(instant, self._zone)
        end = self._change(wall).leaves if again else wall + SECOND
        found = self._walls.before(end)
        return None if found is None else self._slot(found)

    def _slot(self, wall: datetime) -> datetime:
        before, after = offsets(wall, self._zone)
        return self._change(wall).at if before < after else instant_of(wall, before)

    def _change(self, wall: datetime) -> Change:
        change = change_around(wall, self._zone)
        assert change is not None
        return change


class ElapsedSlots:
    """Of a line with `*` for hour or minute: every instant at which the wall clock shows such a time.

    So it comes again in an hour that clocks repeat, and not in one that they leave out.
    """

    def __init__(self, walls: Walls, zone: tzinfo) -> None:
        self._walls = walls
        self._zone = zone

    def after(self, instant: datetime) -> datetime | None:
        wall, again = local(instant, self._zone)
        change = change_around(wall, self._zone)
        if change is not None:
            if not again:
                found = self._walls.after(wall)
                if found is not None and found < change.leaves:
                    return instant_of(found, change.before)
                wall = change.resumes - SECOND
            found = self._walls.after(wall)
            if found is not None and found < change.leaves:
                return instant_of(found, change.after)
        return self._after(wall)

    def until(self, instant: datetime) -> datetime | None:
        wall, again = local(instant, self._zone)
        change = change_around(wall, self._zone)
        end = wall + SECOND
        if change is not None:
            if again:
                found = self._walls.before(end)
                if found is not None and found >= change.resumes:
                    return instant_of(found, change.after)
                end = change.leaves
            found = self._walls.before(end)
            if found is not None and found >= change.resumes:
                return instant_of(found, change.before)
        return self._before(end)

    def _after(self, wall: datetime) -> datetime | None:
        """The slot of the first later wall time that is there, and of two the first."""
        while (found := self._walls.after(wall)) is not None:
            before, after = offsets(found, self._zone)
            if before < after:
                change = change_around(found, self._zone)
                assert change is not None
                wall = change.resumes - SECOND
                continue
            return instant_of(found, before)
        return None

    def _before(self, end: datetime) -> datetime | None:
        """The slot of the last earlier wall time that is there, and of two the second."""
        while (found := self._walls.before(end)) is not None:
            before, after = offsets(found, self._zone)
            if before < after:
                change = change_around(found, self._zone)
                assert change is not None
                end = change.leaves
                continue
            return instant_of(found, after)
        return None
