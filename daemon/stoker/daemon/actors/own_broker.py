"""A broker of the keeper's own, that is there even when the store is not."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import anyio

from stoker.brokers.protocol import Broker
from stoker.jobs.job import Held, Renewal

Connect = Callable[[], AbstractAsyncContextManager[Broker]]

CLOSING = 5.0
"""Seconds that the store may take to let us go."""


class OwnBroker:
    """Connects when the first renewal needs it, and again when that failed.

    So a keeper that is restarted while the store is out goes on to fence, and uses up no restart.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connected: asyncio.Future[Broker] | None = None
        self._holding: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal:
        """As a broker does. Raises also what connecting raises."""
        if self._connected is None or self._failed():
            self._connected = asyncio.get_running_loop().create_future()
            self._holding = asyncio.ensure_future(self._hold(self._connected))
        # A connection that is being made does not end with the patience of who waits for it.
        broker = await asyncio.shield(self._connected)
        return await broker.renew(held, lease)

    def _failed(self) -> bool:
        future = self._connected
        return future is not None and future.done() and future.exception() is not None

    async def _hold(self, connected: "asyncio.Future[Broker]") -> None:
        """Enter and leave it in one task: what it opens may be bound to that."""
        try:
            async with self._connect() as broker:
                connected.set_result(broker)
                await self._closing.wait()
        except Exception as error:
            if connected.done():
                raise
            connected.set_exception(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        holding, connected = self._holding, self._connected
        if holding is None or connected is None:
            return
        self._closing.set()
        if not connected.done():
            holding.cancel()
        # Shielded: a broker that is left half closed would keep its threads and connections.
        with anyio.move_on_after(CLOSING, shield=True):
            await asyncio.wait([holding])
        holding.cancel()
        if connected.done():
            connected.exception()  # nobody may have waited for it
