"""The rhythm of periodic actors, and the patience of all of them with a store that is out."""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, StoreBack, StoreLost

T = TypeVar("T")

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
FORGOTTEN = 30.0
"""Seconds since its last failed try after which an actor that never said that the store is back is
taken for gone: twice the longest wait and the longest call."""


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to 5 s.

    With jitter over the upper half, so that many daemons do not come back in step, and none at once.
    """
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(max(0, failures - 1), 10))
    return ceiling * (0.5 + random.random() / 2)


class Patience:
    """One actor's patience with a store that is out: an outage is no crash of the actor.

    So it uses up no restart budget. Emits StoreLost for each call that failed, and StoreBack for the
    first one that is answered after that.
    """

    def __init__(self, actor: str, *, emit: Emit, clock: Clock) -> None:
        self._actor = actor
        self._emit = emit
        self._clock = clock
        self._failures = 0
        self._since = 0.0
        self.wait: float | None = None
        """Seconds to leave the store alone after the last call failed; None if it did not."""
        self.failed_at: float | None = None
        """When (`clock.elapsed()`) a call last failed."""

    async def call(self, verb: Callable[[], Awaitable[T]]) -> T:
        """What the verb answers, in the end. It must be safe to call again."""
        while True:
            try:
                answer = await verb()
            except BrokerUnavailable as error:
                await anyio.sleep(self.failed(error))
            else:
                self.answered()
                return answer

    def failed(self, error: object, wait: float | None = None) -> float:
        """A call failed: seconds to wait before the next one; `wait` where the caller knows better."""
        self.failed_at = now = self._clock.elapsed()
        if not self._failures:
            self._since = now
        self._failures += 1
        self.wait = wait = backoff(self._failures) if wait is None else wait
        self._emit(StoreLost(self._actor, str(error), wait))
        return wait

    def answered(self) -> None:
        """A call was answered."""
        if self._failures:
            self._failures, self.wait = 0, None
            self._emit(StoreBack(self._actor, self._clock.elapsed() - self._since))


def jittered(seconds: float) -> float:
    """About so many seconds: a tenth less or more, so that many daemons do not beat in step."""
    return seconds * (0.9 + random.random() / 5)
