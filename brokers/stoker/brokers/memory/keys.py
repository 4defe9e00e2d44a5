"""Unique keys, each held by a job within its queue; and the ids of jobs that are gone."""

from heapq import heappop, heappush
from typing import NamedTuple

from stoker.brokers.instant import micros
from stoker.brokers.memory.record import Record


class Held(NamedTuple):
    """Who holds a key."""

    id: str
    until: int | None
    """Until when, whatever becomes of the job; None until the job gives it back."""


def held_until(scope: str | float, created_at: int) -> int | None:
    """Until when a job created then holds its key; None for a scope that follows the job."""
    return None if isinstance(scope, str) else created_at + micros(scope)


class Keys:
    """Who holds which key of which queue."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Held] = {}
        self._ending: list[tuple[int, str, str]] = []

    def holder(self, queue: str, key: str, now: int) -> str | None:
        """The id of the job that holds this key now."""
        held = self._held.get((queue, key))
        return None if held is None or (held.until is not None and held.until <= now) else held.id

    def hold(self, record: Record) -> None:
        """Give a free key to this job, for as long as its scope says."""
        assert record.unique_key is not None
        until = held_until(record.unique_scope, record.created_at)
        self._held[record.queue, record.unique_key] = Held(record.id, until)
        if until is not None:
            heappush(self._ending, (until, record.queue, record.unique_key))

    def release(self, record: Record) -> None:
        """Take the key back, if this job has one and holds it not for a fixed time."""
        if record.unique_key is None:
            return
        place = record.queue, record.unique_key
        if self._held.get(place) == Held(record.id, None):
            del self._held[place]

    def forget(self, now: int) -> None:
        """Drop what has been held for long enough."""
        while self._ending and self._ending[0][0] <= now:
            until, queue, key = heappop(self._ending)
            held = self._held.get((queue, key))
            if held is not None and held.until == until:
                del self._held[queue, key]


class Tombstones:
    """Ids of jobs whose records are gone, for as long as enqueueing them again must be answered."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._ending: list[tuple[int, str]] = []

    def add(self, id: str, until: int) -> None:
        self._until[id] = until
        heappush(self._ending, (until, id))

    def knows(self, id: str, now: int) -> bool:
        until = self._until.get(id)
        return until is not None and until > now

    def forget(self, now: int) -> None:
        """Drop the ids that have been kept for long enough."""
        while self._ending and self._ending[0][0] <= now:
            until, id = heappop(self._ending)
            if self._until.get(id) == until:
                del self._until[id]
