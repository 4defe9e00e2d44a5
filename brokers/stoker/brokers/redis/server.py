"""The way to the server: scripts run by name, over a few connections, made anew when they break."""

from collections.abc import Mapping
from typing import Any

import msgspec
from redis import asyncio as aredis
from redis import exceptions

from stoker.brokers.redis.address import Address
from stoker.brokers.redis.connections import new_client
from stoker.brokers.redis.failures import FOREIGN, MOVED_AWAY, code_of, mapped
from stoker.brokers.redis.scripts import Scripts, digest, scripts
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

SHARD = b"stoker:{00}"
"""What the names of all keys begin with; a single server is one shard."""
OLDEST = (6, 2)
CONNECTIONS = 8
"""Per broker: a verb is one round trip, so they are seldom all under way."""

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
        if client is not None:
            await client.aclose()

    def pubsub_client(self) -> aredis.Redis:
        """A client with a connection of its own, for one subscription; the caller closes it."""
        self._open()
        return new_client(self.address, 1)

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
            try:
                return await client.execute_command("EVALSHA", self._digests[script], *rest)
            except exceptions.NoScriptError:
                # The server has been started, or another has taken its place: it learns it from this.
                return await client.execute_command("EVAL", getattr(self._scripts, script), *rest)
        except FOREIGN as error:
            raise await self._answered(client, error) from error

    async def _answered(self, client: Any, error: Exception) -> Exception:
        if code_of(error) in MOVED_AWAY or isinstance(error, exceptions.ConnectionError | OSError):
            # What befell this connection has befallen the idle ones: one call fails, not each once.
            await client.connection_pool.disconnect(inuse_connections=False)
        return mapped(error, str(self.address))
