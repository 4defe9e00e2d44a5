"""The way to the store: scripts run by name on a shard, wherever that is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from stoker.brokers.redis.address import Address
from stoker.brokers.redis.cluster import Cluster
from stoker.brokers.redis.failures import FOREIGN, mapped
from stoker.brokers.redis.nodes import Alone, Nodes
from stoker.brokers.redis.scripts import Script, by_name
from stoker.brokers.redis.shards import IN_CLUSTER, STORE, Shards
from stoker.brokers.redis.wire import Hear, Wire, Word
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

OLDEST = (6, 2)

Argument = Word
Info = Mapping[str, str]
T = TypeVar("T")


class Server:
    """A Redis or Valkey server, or a cluster of them, from `open` to `close`."""

    def __init__(self, address: Address, offset: Offset) -> None:
        self.address = address
        self.shards = Shards(IN_CLUSTER if address.nodes else 1)
        self.channel = f"stoker:{address.database}:hints"
        """Channels are shared by all databases of a server, unlike keys; and by all nodes."""
        self.infos: Mapping[str, Info] = {}
        """What each node said of itself at the beginning, by its place."""
        self._offset = offset
        self._prefixes = [self.shards.name(shard).encode() for shard in self.shards.all]
        self._nodes: Nodes | None = None
        self._scripts: Mapping[str, Script] = {}

    async def open(self) -> None:
        """Connect. Raises BrokerUnavailable, or BrokerRefused for a server that is too old."""
        self._nodes = (
            Cluster(self.address, self._prefixes) if self.address.nodes else Alone(self.address)
        )
        try:
            self.infos = await self.info()
            version = min(map(self._version, self.infos.items()))
            self._scripts = by_name(version)
        except BaseException:
            await self.close()
            raise

    def _version(self, said: tuple[str, Info]) -> tuple[int, ...]:
        place, info = said
        text = info.get("redis_version", "0")
        version = tuple(int(part) for part in text.split(".")[:2])
        if version < OLDEST:
            raise BrokerRefused(f"the Redis server {place} is {text}; Stoker needs 6.2 or newer")
        return version

    async def close(self) -> None:
        nodes, self._nodes = self._nodes, None
        if nodes is not None:
            nodes.cut()

    def key(self, name: str, shard: int = STORE) -> bytes:
        """The whole name of a key of this shard."""
        return self._prefixes[shard] + b":" + name.encode()

    async def info(self, *sections: str) -> dict[str, Info]:
        """What the nodes say of themselves, by their places."""

        async def ask(nodes: Nodes) -> dict[str, Info]:
            return {
                str(node.address): _read(await node.ask("INFO", *sections))
                for node in await nodes.all()
            }

        return await self._asked(ask)

    async def command(self, *words: Argument, shard: int = STORE) -> Any:
        """One plain command; its answer as the server gives it."""
        return await self._asked(lambda nodes: nodes.ask(shard, lambda node: node.ask(*words)))

    async def run(
        self, script: str, *arguments: Argument, shard: int = STORE, hint: bool = False
    ) -> Any:
        """One script, by its name, on one shard; `hint` if it may hint at ready jobs itself."""
        offset = int(self._offset.seconds * 1e6)
        words = (1, self._prefixes[shard], offset, self.channel, int(hint), *arguments)
        nodes = self._open()
        try:
            return await nodes.ask(shard, lambda node: node.run(self._scripts[script], words))
        except FOREIGN as error:
            raise mapped(error, str(self.address)) from error

    async def wire(self, *, hear: Hear) -> Wire:
        """A connection of its own, for hints; the caller closes it. Raises redis-py's errors."""
        return await self._open().wire(hear)

    async def _asked(self, question: Callable[[Nodes], Awaitable[T]]) -> T:
        try:
            return await question(self._open())
        except FOREIGN as error:
            raise mapped(error, str(self.address)) from error

    def _open(self) -> Nodes:
        if self._nodes is None:
            raise BrokerUnavailable(
                f"the Redis broker at {self.address} is not open: enter it with `async with`"
            )
        return self._nodes


def _read(info: bytes) -> Info:
    lines = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}
