"""What a run in a child can reach: a client and a broker of the child's own, made on first use."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import msgspec

from stoker.brokers.protocol import Broker
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.job import Report, Settlement
from stoker.jobs.operating import Verdict

T = TypeVar("T")


class ChildServices:
    """Belongs to the child's event loop; handlers reach it from there and from their thread."""

    def __init__(
        self,
        connect: Callable[[], Broker],
        take_news: Callable[[], Report | None],
        *,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        """`take_news`: what the run has said and the parent has not stored yet, to be stored by us."""
        self._connect = connect
        self._take_news = take_news
        self._max_payload = max_payload
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._broker: Broker | None = None
        self._client: Any = None

    @property
    def client(self) -> Any:
        return _OnFirstUse(self._opened_client)

    @property
    def sync_client(self) -> Any:
        from stoker.client import SyncClient

        return SyncClient.over(self.client, self._loop)

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        """Settle inside the caller's transaction, with all that the run has said until now.

        Where the connection is a synchronous one it never suspends, and so may be driven by hand.
        """
        broker = self._broker or await self._opened_from_here()
        news = self._take_news()
        if news is not None:
            settlement = msgspec.structs.replace(
                settlement,
                progress=news.progress,
                progress_message=news.progress_message,
                logs=news.logs,
                dropped_logs=news.dropped_logs,
            )
        return await broker.settle_in(connection, settlement)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _opened_from_here(self) -> Broker:
        if threading.get_ident() == self._thread:
            return await self._opened_broker()
        # In the handler's thread, where nothing may be awaited; the loop is free meanwhile.
        return asyncio.run_coroutine_threadsafe(self._opened_broker(), self._loop).result()

    async def _opened_broker(self) -> Broker:
        async with self._opening:
            if self._broker is None:
                self._broker = await self._stack.enter_async_context(self._connect())
            return self._broker

    async def _opened_client(self) -> Any:
        broker = await self._opened_broker()
        async with self._opening:
            if self._client is None:
                from stoker.client import Client

                client = Client(broker, max_payload=self._max_payload)
                self._client = await self._stack.enter_async_context(client)
            return self._client


class _OnFirstUse:
    """The client's methods; the first one that is called connects it."""

    def __init__(self, opened: Callable[[], Awaitable[Any]]) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        from stoker.client import Client

        if not inspect.iscoroutinefunction(getattr(Client, name)):
            raise AttributeError(f"ctx.client has no {name!r} here: only its async methods")

        async def call(*args: Any, **kwargs: Any) -> Any:
            client = await self._opened()
            return await getattr(client, name)(*args, **kwargs)

        return call
