"""What is to go wrong with a broker's calls, and how often each has been made."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

import msgspec

from stoker.brokers.protocol import Broker
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")

ALL = "*"
VERBS = frozenset(name for name in dir(Broker) if name[0] != "_") - {"capabilities"} | {"enter", ALL}
"""What can go wrong: each verb, entering the broker, and "*" for whatever has no fault of its own."""


class Fault(msgspec.Struct):
    """What befalls the calls of a verb."""

    strike: Callable[[], Awaitable[None]]
    after: bool
    left: int | None
    """How many calls it still befalls; None for all until it is healed."""
    gate: Future[None] | None = None
    """What hanging calls wait for."""

    def open(self) -> None:
        if self.gate is not None and not self.gate.done():
            self.gate.set_result(None)


class Faults:
    """Commands for one `FaultyBroker`, or for several that are to fail together.

    A verb has at most one fault; a new one takes the place of the old. It strikes before the call takes
    effect or, with `after`, once it has, so that the caller does not know. `times` is how many calls it
    strikes; without, it stays until it is healed. Commands and calls may come from any thread.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        """How often each verb has been called, whatever came of it."""
        self.hints_lost = False
        """Whether hints get lost: all but the first, which says that listening has begun."""
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._expected: list[tuple[str, int, Future[None]]] = []

    def fail(self, verb: str = ALL, *, times: int | None = None, after: bool = False) -> None:
        """Answer calls with BrokerUnavailable; with "*", the store is out."""

        async def strike() -> None:
            raise BrokerUnavailable(f"the store does not answer: {verb} was told to fail")

        self._set(verb, Fault(strike, after, times))

    def hang(self, verb: str = ALL, *, times: int | None = None, after: bool = False) -> None:
        """Let calls wait until the verb is healed; then they go on as if nothing had been."""
        gate: Future[None] = Future()
        self._set(verb, Fault(lambda: _done(gate), after, times, gate))

    def delay(
        self, verb: str, seconds: float, *, times: int | None = None, after: bool = False
    ) -> None:
        """Let calls take so much longer."""
        self._set(verb, Fault(lambda: asyncio.sleep(seconds), after, times))

    def heal(self, verb: str = ALL) -> None:
        """Let the verb work again, and what hangs in it go on; "*" heals all."""
        _refuse_unknown(verb)
        with self._lock:
            names = list(self._faults) if verb == ALL else [verb]
            healed = [self._faults.pop(name) for name in names if name in self._faults]
        for fault in healed:
            fault.open()

    async def called(self, verb: str, times: int = 1) -> None:
        """Wait until the verb has been called so often since the beginning."""
        _refuse_unknown(verb)
        reached: Future[None] = Future()
        with self._lock:
            if self.calls[verb] >= times:
                return
            self._expected.append((verb, times, reached))
        await _done(reached)

    async def around(self, verb: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make this call, with what is to befall it."""
        fault = self._meet(verb)
        if fault is not None and not fault.after:
            await fault.strike()
        value = await call()
        if fault is not None and fault.after:
            await fault.strike()
        return value

    def _set(self, verb: str, fault: Fault) -> None:
        _refuse_unknown(verb)
        with self._lock:
            former = self._faults.get(verb)
            self._faults[verb] = fault
        if former is not None:
            former.open()

    def _meet(self, verb: str) -> Fault | None:
        """Count a call; gives the fault that it meets."""
        with self._lock:
            self.calls[verb] += 1
            self._tell(verb)
            for name in (verb, ALL):
                fault = self._faults.get(name)
                if fault is not None and fault.left != 0:
                    if fault.left is not None:
                        fault.left -= 1
                    return fault
        return None

    def _tell(self, verb: str) -> None:
        for each in list(self._expected):
            expected, times, reached = each
            if expected == verb and self.calls[verb] >= times:
                self._expected.remove(each)
                reached.set_result(None)


async def _done(future: Future[None]) -> None:
    # Shielded, because others may wait for the same, and one that is cancelled would cancel it.
    await asyncio.shield(asyncio.wrap_future(future))


def _refuse_unknown(verb: str) -> None:
    if verb not in VERBS:
        raise ValueError(f"a broker has no verb {verb!r}; it has {', '.join(sorted(VERBS))}")
