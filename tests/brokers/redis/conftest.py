import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import pytest
from redis import Redis

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import SOON
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")


class OwnServer(Protocol):
    """A server of the test's own, which it may stop, kill and start again."""

    address: str
    port: int

    def serving(self) -> AbstractContextManager["subprocess.Popen[bytes]"]: ...


class NewServer(Protocol):
    """What the fixture `new_redis` is."""

    def __call__(
        self, *settings: str, sentinel: Path | None = None
    ) -> AbstractContextManager[OwnServer]: ...


@pytest.fixture
def offset() -> Offset:
    return Offset()


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A look behind the broker's back."""
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def broker(redis_url: str, offset: Offset) -> AsyncIterator[Broker]:
    async with connect(redis_url, offset=offset) as broker:
        await broker.migrate()
        yield broker


@pytest.fixture
def own(new_redis: NewServer) -> Iterator[OwnServer]:
    """A server of its own for one test, which runs."""
    with new_redis() as server, server.serving():
        yield server


@pytest.fixture
def own_client(own: OwnServer) -> Iterator[Any]:
    with Redis.from_url(own.address, decode_responses=True) as client:
        yield client


async def until(there: Callable[[], object], *, within: float = SOON) -> None:
    """Waits for what a server has no way to tell of."""
    with anyio.fail_after(within):
        while not there():  # noqa: ASYNC110
            await anyio.sleep(0.01)  # sleeps: it would have to be told of


async def eventually(verb: Callable[[], Awaitable[T]]) -> T:
    """The verb's answer, asked again as callers do, once the store is back."""
    with anyio.fail_after(SOON):
        while True:
            try:
                return await verb()
            except BrokerUnavailable:
                await anyio.sleep(0.02)  # sleeps: a server tells nobody that it is back
