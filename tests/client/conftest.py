import asyncio
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stoker.brokers import Broker, connect
from stoker.client import Client
from stoker.handlers import Context, Retry, Unique, handler
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Done, Ending, decide
from stoker.jobs.patterns import QueueSet
from stoker.jobs.retry import DEFAULT_RETRY
from stoker.jobs.state import State


class Report(msgspec.Struct, frozen=True):
    path: str
    rows: int


@handler(
    "reports.generate",
    queue="reports",
    priority=7,
    timeout="10m",
    expires="1d",
    tags=["report"],
    retry=Retry(max_attempts=3),
)
async def generate(ctx: Context, kind: str, month: date | None = None) -> Report:
    raise AssertionError("nobody runs it here")


@handler("plain")
async def plain(number: int = 0) -> int:
    raise AssertionError("nobody runs it here")


@handler("once", unique=Unique(by=["user"], scope="1h", on_conflict="error"))
async def once(user: int, note: str = "") -> None: ...


class Worker:
    """What a daemon would be, one step at a time."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def claim(self, limit: int = 1) -> list[Claim]:
        await self._broker.promote(1000)
        return await self._broker.claim(
            QueueSet(), limit, worker="worker", token=uuid.uuid4().hex, lease=60
        )

    async def end(self, claim: Claim, ending: Ending) -> State:
        settlement = decide(claim, ending, retry=DEFAULT_RETRY, jitter=float)
        assert await self._broker.settle([settlement]) == ["accepted"]
        return settlement.state

    async def run(self, ending: Ending | None = None) -> Claim:
        """Claim a job, and end its run like this; else it returns 1."""
        [claim] = await self.claim()
        await self.end(claim, ending or Done(b"1"))
        return claim


@pytest.fixture
def offset() -> Offset:
    return Offset()


@pytest.fixture(params=["sqlite", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"sqlite": f"sqlite:///{tmp_path / 'jobs.db'}", "memory": "memory://"}[request.param]


@pytest.fixture
async def broker(url: str, offset: Offset) -> AsyncIterator[Broker]:
    async with connect(url, create=True, offset=offset) as broker:
        yield broker


@pytest.fixture
async def published(broker: Broker) -> None:
    """The daemons have said what they can do."""
    await broker.publish([each.type_info() for each in (generate, plain, once)])


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[Client]:
    async with Client(broker) as client:
        yield client


@pytest.fixture
def worker(broker: Broker) -> Worker:
    return Worker(broker)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database of jobs may be, for tests of SQLite alone."""
    return tmp_path / "jobs.db"


@pytest.fixture
def file(database: Path) -> str:
    """The URL of a database that is there; for tests that await, and others."""
    url = f"sqlite:///{database}"

    async def make() -> None:
        async with connect(url, create=True) as broker:
            await broker.publish([each.type_info() for each in (generate, plain, once)])

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return url


def payload_of(job: Any) -> Any:
    return msgspec.json.decode(job.payload)
