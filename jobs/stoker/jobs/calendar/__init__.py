"""The calendar of recurring jobs: at which instants a line comes, in a time zone.

A line is a cron line of 5 fields, or of 6 with the second first (`fields`, `lines`), `@daily` and such,
`every 15m`, or `never`. What its clocks do in spring and autumn is decided in `slots`.
"""

from datetime import UTC, datetime

from stoker.jobs.calendar.cron import Walls
from stoker.jobs.calendar.lines import Cron, Every, Never, every, read
from stoker.jobs.calendar.slots import ElapsedSlots, NoSlots, PeriodSlots, Slots, WallSlots
from stoker.jobs.calendar.zones import zone

__all__ = ["Calendar", "calendar", "every"]


class Calendar:
    """The slots of one line in one time zone: aware, in UTC and whole seconds, each of them once.

    They are found from the line, the zone and the instant alone, so all who ask find the same, in any
    process. Threads may share it. To find one takes tens of microseconds, whatever lies between.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def after(self, instant: datetime) -> datetime | None:
        """The first slot later than this aware instant; None if none ever comes."""
        try:
            return self._slots.after(_floor(instant))
        except OverflowError:  # past the year 9999
            return None

    def until(self, instant: datetime) -> datetime | None:
        """The last slot that is not later than this aware instant; None if there was none."""
        try:
            return self._slots.until(_floor(instant))
        except OverflowError:  # before the year 1
            return None

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest slots later than `after` and not later than `until`, ascending, at most `limit`.

        Older ones are not looked at, so that a long pause costs no more than a short one.
        """
        found: list[datetime] = []
        at = until
        while len(found) < limit and (slot := self.until(at)) is not None and slot > after:
            found.append(slot)
            at = slot - slot.resolution
        found.reverse()
        return found


def calendar(line: str, timezone: str = "UTC") -> Calendar:
    """When a line comes, by the clocks of a time zone of the IANA database.

    Raises InvalidSchedule, in one sentence, for a line or a zone that there is not. A line whose date
    no year has never comes, and is none of these.
    """
    place = zone(timezone)
    match read(line):
        case Cron() as cron:
            walls = Walls(cron)
            return Calendar(WallSlots(walls, place) if cron.by_wall else ElapsedSlots(walls, place))
        case Every(seconds):
            return Calendar(PeriodSlots(seconds))
        case Never():
            return Calendar(NoSlots())


def _floor(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"an instant has a time zone, and {instant.isoformat()} has none")
    return instant.astimezone(UTC).replace(microsecond=0)
