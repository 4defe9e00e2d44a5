import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from stoker.daemon.runs.performing import Performer
from stoker.daemon.runs.record import Record
from stoker.daemon.runs.runs import Letter, Outbox, Runs
from stoker.handlers.resources import Resources
from stoker.jobs.clock import FakeClock
from stoker.jobs.events import Event
from stoker.jobs.job import Claim, Settlement

LIMIT = 10.0
"""Seconds after which a test gives up; nothing here takes a fraction of it."""
_numbers = itertools.count(1)


class Events(list[Event]):
    """What was emitted, from whatever thread; one can wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._emitted = asyncio.Event()

    def emit(self, event: Event) -> None:
        self.append(event)
        self._loop.call_soon_threadsafe(self._emitted.set)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    async def happens(self, kind: type[Event], times: int = 1) -> Any:
        """Wait until there were so many of this kind; gives the last of them."""
        with anyio.fail_after(LIMIT):
            while len(found := self.of(kind)) < times:
                self._emitted.clear()
                await self._emitted.wait()
        return found[times - 1]


class WatchedOutbox(Outbox):
    """An outbox that tells of each letter."""

    def __init__(self) -> None:
        super().__init__()
        self._put = asyncio.Event()

    def put(self, letter: Letter) -> None:
        super().put(letter)
        self._put.set()

    async def holds(self, count: int) -> list[Letter]:
        """Wait until there are so many letters; gives them, and leaves them there."""
        with anyio.fail_after(LIMIT):
            while len(self) < count:
                self._put.clear()
                await self._put.wait()
        return await self.peek(count)


class Workplace:
    """The runs of a process with their outbox, on a clock that stands still."""

    def __init__(self, runs: Runs, outbox: WatchedOutbox, clock: FakeClock, events: Events) -> None:
        self.runs = runs
        self.outbox = outbox
        self.clock = clock
        self.events = events

    def begin(self, *claims: Claim, lane: str = "lane:a") -> list[Record]:
        """Start these, claimed just now."""
        self.runs.begin(claims, lane=lane, claimed_at=self.clock.elapsed())
        return [self.runs.records[claim.id] for claim in claims]

    async def settlements(self, count: int = 1) -> list[Settlement]:
        """What is in the outbox, once there is so much."""
        return [settlement for _, settlement in await self.outbox.holds(count)]

    async def ending_of(self, claim: Claim) -> Settlement:
        """Run this alone, to its settlement."""
        self.begin(claim)
        [settlement] = await self.settlements()
        return settlement

    async def acknowledge(self, count: int = 1) -> None:
        """Answer for so many letters, as the settler does."""
        letters = await self.outbox.holds(count)
        self.outbox.drop(len(letters))
        self.runs.settled([record for record, _ in letters])


@pytest.fixture
async def events() -> Events:
    return Events()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def claim() -> Callable[..., Claim]:
    """Makes a claim of a job of this type."""

    def make(type: str = "work", payload: bytes = b"{}", **more: Any) -> Claim:
        number = next(_numbers)
        now = datetime(2027, 1, 1, 12, tzinfo=UTC)
        values: dict[str, Any] = {
            "id": f"job-{number}",
            "token": f"token-{number}",
            "type": type,
            "queue": "default",
            "priority": 5,
            "payload": payload,
            "attempts": 1,
            "max_attempts": 3,
            "created_at": now,
            "scheduled_at": now,
            "started_at": now,
        }
        return Claim(**(values | more))

    return make


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(8)
    yield pool
    pool.shutdown(wait=True)


@pytest.fixture
async def workplace(
    clock: FakeClock, events: Events, threads: ThreadPoolExecutor
) -> AsyncIterator[Callable[..., Workplace]]:
    """Makes a workplace that knows these handlers. Its lease is 15 s, its margin 3 s."""
    made: list[Workplace] = []

    def make(
        *handlers: Any,
        slots: int = 4,
        self_fence: bool = True,
        max_logs: int = 100,
        shutdown_grace: float = 0.0,
        cancel_grace: float = 5.0,
        children: Any = None,
        services: Any = None,
        middleware: Any = (),
        clock: Any = clock,
    ) -> Workplace:
        performer = Performer(
            worker="worker-1",
            handlers={each.name: each for each in handlers},
            resources=Resources(),
            middleware=middleware,
            threads=threads,
            children=children,
            services=services,
            max_result=10_000,
        )
        outbox = WatchedOutbox()
        runs = Runs(
            slots=slots,
            performer=performer,
            outbox=outbox,
            emit=events.emit,
            clock=clock,
            worker="worker-1",
            lease=15.0,
            margin=3.0,
            self_fence=self_fence,
            max_logs=max_logs,
            shutdown_grace=shutdown_grace,
            cancel_grace=cancel_grace,
        )
        made.append(Workplace(runs, outbox, clock, events))
        return made[-1]

    yield make
    for each in made:
        for record in list(each.runs.records.values()):
            each.runs.interrupt(record, "lost", None)
