"""The way to the server: scripts run by name, over a few connections, made anew when they break."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from redis import exceptions

from stoker.brokers.redis.address import Address
from stoker.brokers.redis.connections import new_client, open_stream
from stoker.brokers.redis.failures import FOREIGN, MOVED_AWAY, code_of, mapped
from stoker.brokers.redis.scripts import Scripts, digest, scripts
from stoker.brokers.redis.wire import Wire
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

SHARD = b"stoker:{00}"
"""What the names of all keys begin with; a single server is one shard."""
OLDEST = (6, 2)
CONNECTIONS = 2
"""Per broker, for what is rare: scripts share a connection of their own."""

Argument = bytes | str | int | float


class Server:
    """One Redis or Valkey server, from `open` to `close`."""

    def __init__(self, address: Address, offset: Offset) -> None:
        self.address = address
        self.channel = f"stoker:{address.database}:hints"
        """Channels are shared by all databases of a server, unlike keys."""
        self.info: Mapping[str, Any] = {}
        self._offset = offset
        self._client: Any = None  # aredis.Redis, whose execute_command has no types
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()
        self._scripts: Scripts | None = None
        self._digests: dict[str, str] = {}

    async def open(self) -> None:
        """Connect. Raises BrokerUnavailable, or BrokerRefused for a server that is too old."""
        self._client = new_client(self.address, CONNECTIONS)
        try:
            self.info = await self.command("INFO")
            text = str(self.info.get("redis_version", "0"))
            version = tuple(int(part) for part in text.split(".")[:2])
            if version < OLDEST:
                raise BrokerRefused(
                    f"the Redis server {self.address} is {text}; Stoker needs 6.2 or newer"
                )
            self._scripts = scripts(version)
            self._digests = {
                name: digest(script) for name, script in msgspec.structs.asdict(self._scripts).items()
            }
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        client, self._client = self._client, None
        self._cut()
        if client is not None:
            await client.aclose()

    def _open(self) -> Any:
        if self._client is None:
            raise BrokerUnavailable(
                f"the Redis broker at {self.address} is not open: enter it with `async with`"
            )
        return self._client

    async def command(self, *words: Argument) -> Any:
        """One plain command."""
        client = self._open()
        try:
            return await client.execute_command(*words)
        except FOREIGN as error:
            raise await self._answered(client, error) from error

    async def run(self, script: str, *arguments: Argument, hint: bool = False) -> Any:
        """One script, by its name, on the one shard; `hint` if it may hint at ready jobs itself."""
        client = self._open()
        offset = int(self._offset.seconds * 1e6)
        rest = (1, SHARD, offset, self.channel, int(hint), *arguments)
        try:
            wire = self._wire or await self._connected()
            try:
                return await wire.ask("EVALSHA", self._digests[script], *rest)
            except exceptions.ResponseError as error:
                if code_of(error) != "NOSCRIPT":
                    raise
                # The server has been started, or another has taken its place: it learns it from this.
                return await wire.ask("EVAL", getattr(self._scripts, script), *rest)
        except FOREIGN as error:
            raise await self._answered(client, error) from error

    async def _connected(self) -> Wire:
        """The one wire of all scripts, made by whoever is the first to need it."""
        async with self._connecting:
            if self._wire is None:
                self._wire = await self.wire()
            return self._wire

    async def wire(self, *, hear: Callable[[bytes], None] | None = None) -> Wire:
        """A connection of its own; the caller closes it. Raises redis-py's errors."""
        self._open()
        return Wire(await open_stream(self.address), hear=hear)

    async def _answered(self, client: Any, error: Exception) -> Exception:
        if code_of(error) in MOVED_AWAY or isinstance(error, exceptions.ConnectionError | OSError):
            # What befell this connection has befallen the idle ones: one call fails, not each once.
            self._cut()
            await client.connection_pool.disconnect(inuse_connections=False)
        return mapped(error, str(self.address))

    def _cut(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
