"""The rhythm of periodic actors, and the patience of all of them with a store that is out."""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, StoreBack, StoreLost

T = TypeVar("T")

FIRST_WAIT = 0.05
LONGEST_WAIT = 5.0


def backoff(failures: int) -> float:
    """Seconds until try number `failures` + 1, with full jitter; never quite at once."""
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures, 10))
    return ceiling * (0.5 + random.random() / 2)


class Patience:
    """Tries a broker's verb until the store answers: an outage is no crash of the actor.

    So it uses up no restart budget. Emits StoreLost for each failed try and StoreBack after them.
    """

    def __init__(self, actor: str, *, emit: Emit, clock: Clock) -> None:
        self._actor = actor
        self._emit = emit
        self._clock = clock
        self.failed_at: float | None = None
        """When (`clock.elapsed()`) a call last failed."""

    async def call(self, verb: Callable[[], Awaitable[T]]) -> T:
        """What the verb answers, in the end. It must be safe to call again."""
        failures = 0
        began = self._clock.elapsed()
        while True:
            try:
                answer = await verb()
            except BrokerUnavailable as error:
                failures += 1
                self.failed_at = self._clock.elapsed()
                wait = backoff(failures)
                self._emit(StoreLost(self._actor, str(error), wait))
                await anyio.sleep(wait)
            else:
                if failures:
                    self._emit(StoreBack(self._actor, self._clock.elapsed() - began))
                return answer


def jittered(seconds: float) -> float:
    """About so many seconds: a tenth less or more, so that many daemons do not beat in step."""
    return seconds * (0.9 + random.random() / 5)
