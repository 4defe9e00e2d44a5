"""What would be said over and over: an outage of the store, and types that nobody knows."""

import threading
import time
from collections.abc import Callable
from typing import Any

from stoker.daemon.logs.wording import Line
from stoker.daemon.supervision.rhythm import FORGOTTEN
from stoker.jobs.events import StoreBack, StoreLost, UnknownTypeReturned

AGAIN = 15.0
"""Seconds until the same is said again."""
MOST_TYPES = 1000
"""Unknown types that are told apart."""


class Outages:
    """Turns tries into lines, few of them. From any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failing: dict[str, float] = {}
        """Actors that wait for the store, with the time of their last try."""
        self._since = 0.0
        self._tries = 0
        self._said_at: float | None = None
        self._told = False
        """Of this outage something has been said, so its end will be, too."""
        self._types: dict[str, tuple[float | None, int]] = {}

    def lost(self, event: StoreLost) -> Line | None:
        """The first failed try is told at once, and those after it now and then."""
        with self._lock:
            now = self._now()
            if not self._failing:
                self._since, self._tries, self._told = now, 0, False
            self._failing[event.actor] = now
            self._tries += 1
            if self._said_at is not None and now - self._said_at < AGAIN:
                return None
            again, self._told, self._said_at = self._told, True, now
            fields = {"actor": event.actor, "error": event.error}
            if not again:
                return "warning", "the store does not answer; trying until it does", fields
            return "warning", "the store still does not answer", fields | self._extent(now)

    def back(self, event: StoreBack) -> Line | None:
        """Told when nobody waits for the store any longer."""
        with self._lock:
            now = self._now()
            self._failing.pop(event.actor, None)
            self._failing = {
                actor: tried for actor, tried in self._failing.items() if now - tried < FORGOTTEN
            }
            if self._failing or not self._told:
                return None
            self._told = False
            return "info", "the store answers again", self._extent(now)

    def _extent(self, now: float) -> dict[str, Any]:
        return {"tries": self._tries, "duration": round(now - self._since, 1)}

    def unknown(self, event: UnknownTypeReturned) -> Line | None:
        """The first job of a type is told at once, and how many there were now and then."""
        with self._lock:
            now = self._now()
            said_at, count = self._types.get(event.type, (None, 0))
            if said_at is not None and now - said_at < AGAIN:
                self._types[event.type] = said_at, count + 1
                return None
            if len(self._types) >= MOST_TYPES:
                self._types.clear()
            self._types[event.type] = now, 0
        fields = {"job_id": event.id, "job_type": event.type, "delay": event.delay}
        if count:
            fields["others"] = count
        return "warning", "no handler here knows the job's type: it goes back for a while", fields
