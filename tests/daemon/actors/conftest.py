from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from stoker.brokers.faulty import FaultyBroker
from stoker.brokers.instant import HostClock
from stoker.brokers.memory import MemoryBroker
from stoker.daemon.supervision import rhythm
from stoker.jobs.clock import Offset
from stoker.jobs.ids import IdSource
from stoker.jobs.job import Claim, Job, JobDetail, NewJob
from stoker.jobs.patterns import QueueSet

LIMIT = 10.0
"""Seconds after which a test gives up; nothing here takes a fraction of it."""


class Store:
    """A broker that fails on command and whose clock can be moved, and what tests do with it."""

    def __init__(self) -> None:
        self.offset = Offset()
        self.broker = FaultyBroker(MemoryBroker(clock=HostClock(self.offset)))
        self.faults = self.broker.faults
        self._ids = IdSource()
        self._tokens = 0

    async def put(self, type: str = "work", queue: str = "default", **more: Any) -> str:
        job = NewJob(id=self._ids.next(queue), type=type, queue=queue, **more)
        await self.broker.enqueue([job])
        return job.id

    async def claim(
        self, limit: int = 10, lease: float = 15.0, worker: str = "worker-1"
    ) -> list[Claim]:
        self._tokens += 1
        token = f"claim-{self._tokens}"
        return await self.broker.claim(QueueSet(), limit, worker=worker, token=token, lease=lease)

    async def take_away(self, *ids: str, after: float = 16.0) -> None:
        """Let so many seconds pass, and somebody else have the jobs whose leases have ended."""
        self.offset.advance(after)
        taken = await self.broker.reclaim(100, token="somebody-else", lease=15.0)
        assert {claim.id for claim in taken} == set(ids)

    async def job(self, id: str) -> Job:
        [job] = await self.broker.get([id])
        assert job is not None
        return job

    async def detail(self, id: str) -> JobDetail:
        detail = await self.broker.detail(id)
        assert detail is not None
        return detail


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store()
    async with store.broker:
        yield store
        store.faults.heal()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is tried again at once."""
    monkeypatch.setattr(rhythm, "backoff", lambda failures: 0.0)


@pytest.fixture
def at_work() -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Within, the actor is up; then it is stopped and waited for."""

    @asynccontextmanager
    async def run(actor: Any) -> AsyncIterator[None]:
        over = False
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                await group.start(actor.run)
                yield
                over = True
                group.cancel_scope.cancel()
        assert over, "the actor was cancelled from inside, and the test with it"

    return run
