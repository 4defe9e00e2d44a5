"""What a broker's author gives, and what the promises are given."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset


class Opening(Protocol):
    """Gives brokers that are not yet entered; all of one test's share one store, empty at first."""

    def __call__(self, offset: Offset, *, max_log_entries: int = 1000) -> Broker:
        """A further instance, as another program would have it, which reads this offset."""
        ...


class CallersTransaction(Protocol):
    """A transaction as a caller of `enqueue_in` has one open."""

    connection: Any

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


class Begin(Protocol):
    """Opens a transaction on a connection of its own; left without a commit, it is rolled back."""

    def __call__(self) -> AbstractAsyncContextManager[CallersTransaction]: ...


class Fixtures:
    """Fixtures of every section. A subclass gives `opening`."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Brokers run on asyncio."""
        return "asyncio"

    @pytest.fixture
    def opening(self) -> Opening:
        """The one thing that only the broker's author knows."""
        raise NotImplementedError(f"{type(self).__name__} gives no fixture `opening`")

    @pytest.fixture
    def offset(self) -> Offset:
        """How a test lets time pass: for every broker that it opens."""
        return Offset()

    @pytest.fixture
    async def broker(self, opening: Opening, offset: Offset) -> AsyncIterator[Broker]:
        async with opening(offset) as broker:
            await broker.migrate()
            yield broker

    @pytest.fixture
    async def second(self, opening: Opening, offset: Offset, broker: Broker) -> AsyncIterator[Broker]:
        """Another instance on the same store."""
        async with opening(offset) as second:
            yield second
