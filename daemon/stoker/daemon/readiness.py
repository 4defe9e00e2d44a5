"""How things stand with this process: whether it works, and if not, what it waits for."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from stoker.daemon.supervision.rhythm import FORGOTTEN
from stoker.jobs.clock import Clock
from stoker.jobs.events import DaemonStarted, DaemonStopping, Emit, Event, StoreBack, StoreLost


class Outage(msgspec.Struct, frozen=True):
    """The store does not answer, and is asked again and again."""

    since: datetime
    """Of the first call that failed, in UTC."""
    error: str
    """What the newest try failed with; it names the store."""
    waiting: tuple[str, ...]
    """The actors that wait for an answer."""
    tries: int


class Status(msgspec.Struct, frozen=True):
    """One moment's answer for whoever asks from outside, such as a readiness probe."""

    phase: Literal["starting", "working", "stopping"]
    why: str | None = None
    """What it stops for; None unless it does."""
    outage: Outage | None = None

    @property
    def ready(self) -> bool:
        """Whether jobs are worked on and the store answers. A process that is not ready still lives."""
        return self.phase == "working" and self.outage is None


class Readiness:
    """An `Emit` that remembers how things stand. From any thread; owned by the composition root.

    An outage is over when every actor that has failed has been answered since. One that fell meanwhile
    never will be, and one that never asks again says nothing: both are forgotten after a while.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._status = Status("starting")
        self._failed: dict[str, float] = {}
        """Actors that wait for the store, with the time of their last try."""
        self._outage: Outage | None = None
        self._hear: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            {
                DaemonStarted: self._started,
                DaemonStopping: self._stopping,
                StoreLost: self._lost,
                StoreBack: self._back,
            }
        )

    def __call__(self, event: Event) -> None:
        hear = self._hear.get(type(event))
        if hear is not None:
            with self._lock:
                hear(event)

    def status(self) -> Status:
        """As things stand now."""
        with self._lock:
            self._forget()
            return msgspec.structs.replace(self._status, outage=self._outage)

    def _started(self, event: DaemonStarted) -> None:
        self._status = Status("working")

    def _stopping(self, event: DaemonStopping) -> None:
        self._status = Status("stopping", event.why)

    def _lost(self, event: StoreLost) -> None:
        self._forget()
        self._failed[event.actor] = self._clock.elapsed()
        before = self._outage
        self._outage = Outage(
            since=before.since if before else datetime.fromtimestamp(self._clock.now(), UTC),
            error=event.error,
            waiting=tuple(sorted(self._failed)),
            tries=before.tries + 1 if before else 1,
        )

    def _back(self, event: StoreBack) -> None:
        self._failed.pop(event.actor, None)
        self._narrow()

    def _forget(self) -> None:
        now = self._clock.elapsed()
        self._failed = {actor: at for actor, at in self._failed.items() if now - at < FORGOTTEN}
        self._narrow()

    def _narrow(self) -> None:
        """Let the outage name those only that still wait; without any it is over."""
        if self._outage is not None:
            waiting = tuple(sorted(self._failed))
            if waiting != self._outage.waiting:
                self._outage = msgspec.structs.replace(self._outage, waiting=waiting)
        if not self._failed:
            self._outage = None


def both(first: Emit, second: Emit) -> Emit:
    """Give every event to the one, then to the other."""

    def emit(event: Event) -> None:
        first(event)
        second(event)

    return emit
