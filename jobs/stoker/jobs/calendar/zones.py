"""Time zones by name, and the hours at which their clocks are changed."""

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from stoker.jobs.errors import InvalidSchedule

SECOND = timedelta(seconds=1)

_LOCAL = ("localtime", "posixrules", "posix/", "right/")
"""Files beside the zones: what this machine is set to, and other ways to count the same time."""
_SHOWN = 60


def zone(name: str) -> tzinfo:
    """The zone of this IANA name. Raises InvalidSchedule for any that cannot be found."""
    if name == "UTC":
        return UTC  # needs no database
    if isinstance(name, str) and not name.startswith(_LOCAL) and (found := _zone(name)):
        return found
    shown = repr(name)[:_SHOWN]
    if _zone("Etc/UTC") is None:
        raise InvalidSchedule(
            f"the time zone {shown} cannot be found, nor any other: install the package tzdata"
        )
    raise InvalidSchedule(f"{shown} is no time zone: give a name such as 'Europe/Vienna'")


def _zone(name: str) -> tzinfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Change(msgspec.Struct, frozen=True):
    """Clocks are put forward, so that wall times are missing, or back, so that they come twice."""

    at: datetime
    before: timedelta
    """What the clocks are ahead of UTC until then."""
    after: timedelta

    @property
    def repeats(self) -> bool:
        return self.after < self.before

    @property
    def leaves(self) -> datetime:
        """The wall time that clocks do not reach before they are changed."""
        return wall_of(self.at, self.before)

    @property
    def resumes(self) -> datetime:
        """The wall time that they are changed to."""
        return wall_of(self.at, self.after)


def local(instant: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    """The naive wall time of an instant, and whether it is there for the second time."""
    aware = instant.astimezone(zone)
    return aware.replace(tzinfo=None, fold=0), bool(aware.fold)


def offsets(wall: datetime, zone: tzinfo) -> tuple[timedelta, timedelta]:
    """What clocks are ahead of UTC at this wall time, by the rule before and after a change.

    They differ only if the wall time is missing or comes twice.
    """
    aware = wall.replace(tzinfo=zone)
    before, after = aware.utcoffset(), aware.replace(fold=1).utcoffset()
    assert before is not None and after is not None
    return before, after


def change_around(wall: datetime, zone: tzinfo) -> Change | None:
    """The change by which this wall time is missing, or comes twice; None if it is a plain one."""
    before, after = offsets(wall, zone)
    if before == after:
        return None
    # Read by both rules, the wall time gives one instant before the change and one that is not.
    early, late = sorted((instant_of(wall, before), instant_of(wall, after)))
    while late - early > SECOND:
        middle = early + (late - early) // 2 // SECOND * SECOND
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return Change(late, before, after)


def instant_of(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


def wall_of(instant: datetime, offset: timedelta) -> datetime:
    return (instant + offset).replace(tzinfo=None)
