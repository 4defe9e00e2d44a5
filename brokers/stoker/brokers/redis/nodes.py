"""Where the shards are: all on the one server there is, or each on a node of a cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from redis import exceptions

from stoker.brokers.redis.address import Address
from stoker.brokers.redis.connections import open_stream
from stoker.brokers.redis.failures import FOREIGN, MOVED_AWAY, code_of
from stoker.brokers.redis.scripts import Script
from stoker.brokers.redis.wire import Hear, Wire, Word

T = TypeVar("T")


class Node:
    """One server, and the one connection over which it is asked, made anew when it breaks."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, *words: Word) -> Any:
        """One command."""
        try:
            wire = await self._connected()
            return await wire.ask(*words)
        except FOREIGN as error:
            self._failed(error)
            raise

    async def run(self, script: Script, words: Sequence[Word]) -> Any:
        """One script, with what comes behind its name."""
        try:
            wire = await self._connected()
            try:
                return await wire.ask("EVALSHA", script.digest, *words)
            except exceptions.ResponseError as error:
                if code_of(error) != "NOSCRIPT":
                    raise
                # The server has been started, or another has taken its place: it learns it from this.
                return await wire.ask("EVAL", script.text, *words)
        except FOREIGN as error:
            self._failed(error)
            raise

    def _failed(self, error: Exception) -> None:
        if isinstance(error, exceptions.ConnectionError | OSError) or code_of(error) in MOVED_AWAY:
            self.cut()

    async def _connected(self) -> Wire:
        """The one wire, made anew by whoever is the first to need it if it was lost while idle."""
        if self._wire is not None and not self._wire.lost.is_set():
            return self._wire
        async with self._connecting:
            if self._wire is None or self._wire.lost.is_set():
                self._wire = await self.wire()
            return self._wire

    async def wire(self, hear: Hear | None = None) -> Wire:
        """A connection of its own; the caller closes it."""
        return Wire(await open_stream(self.address), hear=hear)

    def cut(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()


class Nodes(Protocol):
    """All of them. What is asked of them raises redis-py's errors."""

    async def ask(self, shard: int, question: Callable[[Node], Awaitable[T]]) -> T:
        """What the node answers that has this shard."""
        ...

    async def all(self) -> Sequence[Node]:
        """Those that have shards."""
        ...

    async def wire(self, hear: Hear) -> Wire:
        """A connection of its own to one of them, it does not matter to which."""
        ...

    def cut(self) -> None:
        """Close all connections; they are made anew when they are needed."""
        ...


class Alone:
    """One server, which has everything."""

    def __init__(self, address: Address) -> None:
        self._node = Node(address)

    async def ask(self, shard: int, question: Callable[[Node], Awaitable[T]]) -> T:
        return await question(self._node)

    async def all(self) -> Sequence[Node]:
        return (self._node,)

    async def wire(self, hear: Hear) -> Wire:
        return await self._node.wire(hear)

    def cut(self) -> None:
        self._node.cut()
