"""A cluster's nodes: which one has a shard, as long as that holds.

Redirections are not left to the driver, for half of them must not be followed. While a slot moves, its
old node answers ASK to every script, as no key has the bare name of a shard, by which scripts are sent.
So nothing is done until the move has ended: the new node would do it without the keys still to come.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis import exceptions
from redis.crc import key_slot

from stoker.brokers.redis.address import Address, Place
from stoker.brokers.redis.failures import FOREIGN, code_of
from stoker.brokers.redis.nodes import Node
from stoker.brokers.redis.wire import Hear, Wire
from stoker.jobs.errors import BrokerRefused

REDIRECTIONS = 5
"""One after the other for one question: more than that, and the nodes do not agree."""
_LOOK_AGAIN = frozenset({"CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING"})
"""After these another node may have the shard."""
T = TypeVar("T")


class Cluster:
    """See `Nodes`. Nodes are known by their places, which the nodes tell each other and us."""

    def __init__(self, address: Address, names: Sequence[bytes]) -> None:
        self._address = address
        self._slots = [key_slot(name) for name in names]
        self._nodes: dict[Place, Node] = {}
        self._places: list[Place] = []
        """Of each shard."""
        self._stale = True
        self._looking = asyncio.Lock()

    async def ask(self, shard: int, question: Callable[[Node], Awaitable[T]]) -> T:
        """Where the shard has moved, its new node is asked instead."""
        if self._stale:
            await self._look()
        for _ in range(REDIRECTIONS):
            place = self._places[shard]
            try:
                return await question(self._at(place))
            except exceptions.ResponseError as error:
                code = code_of(error)
                if code != "MOVED":
                    self._stale = self._stale or code in _LOOK_AGAIN
                    raise
                self._places[shard] = _moved_to(str(error), place)
            except FOREIGN:
                self._stale = True
                raise
        self._stale = True
        raise exceptions.TryAgainError(f"the nodes do not agree who has slot {self._slots[shard]}")

    async def all(self) -> Sequence[Node]:
        if self._stale:
            await self._look()
        return [self._at(place) for place in dict.fromkeys(self._places)]

    async def wire(self, hear: Hear) -> Wire:
        """All nodes pass on what is published on any."""
        error: Exception | None = None
        for place in self._known():
            try:
                return await self._at(place).wire(hear)
            except FOREIGN as one:
                error = error or one
        raise error or exceptions.ConnectionError("no node is known")

    def cut(self) -> None:
        for node in self._nodes.values():
            node.cut()

    def _at(self, place: Place) -> Node:
        if place not in self._nodes:
            self._nodes[place] = Node(self._address.at(place))
        return self._nodes[place]

    def _known(self) -> list[Place]:
        return list(dict.fromkeys([*self._places, *self._nodes, *self._address.nodes]))

    async def _look(self) -> None:
        """Ask one node after the other where the shards are. Raises redis-py's errors."""
        async with self._looking:
            error: Exception | None = None
            for place in self._known() if self._stale else ():
                try:
                    rows = await self._at(place).ask("CLUSTER", "SLOTS")
                    self._places = [_place_of(slot, rows, place) for slot in self._slots]
                except FOREIGN as one:
                    if "cluster support disabled" in str(one):
                        where = self._address.at(place)
                        raise BrokerRefused(
                            f"the Redis server {where} is no node of a cluster: name it as redis://{where}"
                        ) from one
                    error = error or one
                else:
                    self._stale = False
                    return
            if error is not None:
                raise error


def _place_of(slot: int, rows: Sequence[Any], told_by: Place) -> Place:
    for first, last, (host, port, *_), *_ in rows:
        if first <= slot <= last:
            return _host(host.decode(), told_by), int(port)
    raise exceptions.ClusterDownError(f"no node has slot {slot}")


def _moved_to(text: str, told_by: Place) -> Place:
    """From `MOVED slot host:port`."""
    host, _, port = text.split(" ")[-1].rpartition(":")
    return _host(host, told_by), int(port)


def _host(host: str, told_by: Place) -> str:
    """A node that does not know under which name it is reached leaves that out."""
    return told_by[0] if host in ("", "?") else host
