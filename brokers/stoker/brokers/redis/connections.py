"""Connections to a server, without the driver's dangerous defaults."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from redis import asyncio as aredis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from stoker.brokers.redis.address import Address, Place

ANSWER_WITHIN = 5.0
"""Seconds for one round trip, and as many for a connection to be made."""
SENTINEL_WITHIN = 1.0
"""Seconds until another sentinel is asked."""
Find = Callable[[], Awaitable[Place]]


class HandedOver(Protocol):
    """A connection whose stream can be had, when redis-py has done its part."""

    async def connect(self) -> None: ...

    def hand_over(self) -> asyncio.StreamWriter: ...


class PlainConnection(aredis.Connection):
    """With `find`, it asks where the server is whenever it connects."""

    def __init__(self, *, find: Find | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._find = find

    async def _connect(self) -> None:
        if self._find is not None:
            self.host, self.port = await self._find()
        await super()._connect()  # type: ignore[no-untyped-call]

    def hand_over(self) -> asyncio.StreamWriter:
        return _taken_from(self)


class TlsConnection(aredis.SSLConnection):
    """The same over TLS."""

    def hand_over(self) -> asyncio.StreamWriter:
        return _taken_from(self)


def _taken_from(connection: Any) -> asyncio.StreamWriter:
    writer: asyncio.StreamWriter = connection._writer
    connection._reader = connection._writer = None
    return writer


async def open_stream(address: Address) -> asyncio.StreamWriter:
    """The stream of a connection that has been made and let in. Raises redis-py's errors."""
    kind = TlsConnection if address.tls else PlainConnection
    connection: HandedOver = kind(**_options(address))
    await connection.connect()
    return connection.hand_over()


def _options(address: Address) -> dict[str, Any]:
    options = {**_manners(ANSWER_WITHIN), **address.options()}
    # Of one round trip.
    options["socket_timeout"] = ANSWER_WITHIN
    if address.sentinels:
        options["find"] = _master_of(address)
    return options


def _manners(connect_within: float) -> dict[str, Any]:
    return {
        # By default a command whose answer was lost is sent again, up to ten times: the callers of a
        # broker decide that, for they know what may be done twice.
        "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": connect_within,
        "socket_keepalive": True,
        "protocol": 2,
    }


def _master_of(address: Address) -> Find:
    """Asks the sentinels, one after the other, where the master is now."""
    options = {
        **_manners(SENTINEL_WITHIN),
        "socket_timeout": SENTINEL_WITHIN,
        **address.sentinel_options(),
    }

    async def find() -> Place:
        asking = Sentinel(  # type: ignore[no-untyped-call]
            list(address.sentinels), sentinel_kwargs=options
        )
        try:
            host, port = await asking.discover_master(address.service)
        finally:
            for each in asking.sentinels:
                await each.aclose()
        return str(host), int(port)

    return find
