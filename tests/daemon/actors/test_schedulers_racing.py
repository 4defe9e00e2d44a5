"""Schedulers that race, stores that fail, clocks that jump: exactly the jobs that each policy asks for.

With real brokers, and the daemon's own scheduler; the kit tries the same with plain ones. Minutes pass
by the offset, in jumps that end in the middle of one, so that the seconds a test takes make no
difference.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.faulty import FaultyBroker
from stoker.client.when import times_of
from stoker.daemon.actors.scheduler import Scheduler
from stoker.daemon.supervision import rhythm
from stoker.jobs.clock import FakeClock, Offset
from stoker.jobs.operating import Query
from stoker.jobs.recurring import Recurring, Schedule
from stoker.jobs.rescheduling import added

MINUTE = timedelta(minutes=1)
SCHEDULERS = 3
ROWS = 20
SLOTS = 500
"""Of each row: ten thousand altogether."""
LIMIT = 60.0


class Racing:
    """Several schedulers, each with a broker of its own, on one store whose clock can be moved."""

    def __init__(self, brokers: list[Broker], offset: Offset) -> None:
        self.store = brokers[0]
        """The same store, without faults."""
        self.brokers = [FaultyBroker(broker) for broker in brokers]
        self.offset = offset
        self._schedulers = [
            Scheduler(broker=broker, times=times_of, emit=lambda event: None, clock=FakeClock())
            for broker in self.brokers
        ]

    async def add(self, name: str, **changes: Any) -> Recurring:
        schedule = Schedule(**{"type": "clean", "line": "* * * * *", "queue": name, **changes})
        (change,) = added(None, name, schedule, await self.now())
        (changed,) = await self.store.change([change])
        assert changed.accepted and change.row is not None
        return change.row

    async def now(self) -> datetime:
        return (await self.store.due(1)).now

    async def into_a_minute(self) -> datetime:
        """Move on to the middle of a minute."""
        now = await self.now()
        self.offset.advance(90.0 - now.second - now.microsecond / 1e6)
        return await self.now()

    async def race(self) -> None:
        """A round of each at once."""
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                for scheduler in self._schedulers:
                    group.start_soon(scheduler.tick)

    async def crash(self) -> None:
        """Rounds that are broken off somewhere, as when their processes die."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.race)
            for _ in range(random.randrange(40)):
                await asyncio.sleep(0)  # sleeps: not at all; one more step of theirs
            group.cancel_scope.cancel()

    async def slots(self) -> dict[str, list[datetime]]:
        """The times of all jobs, whatever became of them, by queue."""
        found: dict[str, list[datetime]] = {}
        cursor = None
        while True:
            page = await self.store.find(Query(), limit=1000, cursor=cursor)
            for job in page.items:
                found.setdefault(job.queue, []).append(job.scheduled_at)
            cursor = page.next_cursor
            if cursor is None:
                return {queue: sorted(times) for queue, times in found.items()}


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "sqlite":
            return f"sqlite:///{tmp_path}/jobs.db?synchronous=normal"
        case "postgres":
            return str(request.getfixturevalue("postgres_url"))
    empty: Callable[[str], str] = request.getfixturevalue("empty_redis")
    return empty(request.param)


@pytest.fixture
async def racing(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Racing]:
    monkeypatch.setattr(rhythm, "backoff", lambda failures: 0.0)
    offset = Offset()
    async with AsyncExitStack() as stack:
        brokers: list[Broker] = []
        for _ in range(SCHEDULERS):
            opened = connect(url, create=True, offset=offset)
            brokers.append(await stack.enter_async_context(opened))
            await brokers[-1].migrate()
        yield Racing(brokers, offset)


def minutes(after: datetime, until: datetime) -> list[datetime]:
    first = after.replace(second=0, microsecond=0) + MINUTE
    return [first + number * MINUTE for number in range((until - first) // MINUTE + 1)]


@pytest.mark.slow
async def test_ten_thousand_slots_give_ten_thousand_jobs(racing: Racing) -> None:
    random.seed(4)
    begin = await racing.into_a_minute()
    names = [f"q{number}" for number in range(ROWS)]
    for name in names:
        await racing.add(name, overlap="allow", catchup="all", catchup_limit=1000)
    await racing.race()
    passed = 0
    while passed < SLOTS:
        jump = min(random.choice([1, 2, 5, 90, 180]), SLOTS - passed)
        if random.random() < 0.3:  # the clock is set back for a while
            racing.offset.advance(-random.choice([1, 3]) * 3600.0)
            await racing.race()
        broker = random.choice(racing.brokers)
        verb = random.choice(["due", "change", "get"])
        broker.faults.fail(verb, times=1, after=random.random() < 0.5)
        passed += jump
        now = await racing.now()
        racing.offset.advance((begin + passed * MINUTE - now).total_seconds())
        await racing.crash()
        await racing.race()
    wanted = minutes(begin, begin + SLOTS * MINUTE)
    assert len(wanted) == SLOTS
    assert await racing.slots() == dict.fromkeys(names, wanted)


@pytest.mark.parametrize(
    ("catchup", "expected"),
    [
        ("last", lambda before, pause: [*before, pause[-1]]),
        ("skip", lambda before, pause: [*before, pause[-1]]),
        ("all", lambda before, pause: [*before, *pause]),
    ],
)
async def test_a_pause_of_three_hours_is_made_up_as_the_policy_says(
    racing: Racing, catchup: str, expected: Callable[..., list[datetime]]
) -> None:
    begin = await racing.into_a_minute()
    await racing.add("q", overlap="allow", catchup=catchup, catchup_limit=1000)
    await racing.race()
    for _ in range(3):
        racing.offset.advance(60.0)
        await racing.race()
    racing.offset.advance(3 * 3600.0)
    await racing.race()
    await racing.race()
    middle = begin + 3 * MINUTE
    wanted = expected(minutes(begin, middle), minutes(middle, middle + timedelta(hours=3)))
    assert await racing.slots() == {"q": wanted}


async def test_slots_that_are_too_late_are_left_out_where_that_is_said(racing: Racing) -> None:
    await racing.into_a_minute()
    await racing.add("q", line="0 * * * *", overlap="allow", catchup="skip")
    await racing.race()
    now = await racing.now()
    hour = now.replace(minute=0, second=0) + timedelta(hours=3)
    racing.offset.advance((hour - now).total_seconds() + 300.0)
    await racing.race()
    assert await racing.slots() == {}


async def test_a_slot_is_queued_behind_the_job_before(racing: Racing) -> None:
    begin = await racing.into_a_minute()
    end = begin + 3 * MINUTE
    await racing.add("q", overlap="queue", catchup="all", ends_at=end)
    await racing.race()
    racing.offset.advance(180.0)
    for number in range(1, 4):
        for _ in range(3):
            await racing.race()
            racing.offset.advance(31.0)
        assert await racing.slots() == {"q": minutes(begin, end)[:number]}
        page = await racing.store.find(Query(queues=("q",)))
        await racing.store.cancel([max(page.items, key=lambda job: job.scheduled_at).id])


async def test_a_slot_is_skipped_beside_the_job_before(racing: Racing) -> None:
    begin = await racing.into_a_minute()
    await racing.add("q")
    await racing.race()
    for _ in range(4):
        racing.offset.advance(60.0)
        await racing.race()
    assert await racing.slots() == {"q": minutes(begin, begin + 4 * MINUTE)}
    counts = (await racing.store.queues())[0].counts
    assert (counts.pending, counts.skipped) == (1, 3)
