"""Connections to a server, without the driver's dangerous defaults, and with a faster way to write."""

from typing import Any

import hiredis
from redis import asyncio as aredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stoker.brokers.redis.address import Address

ANSWER_WITHIN = 5.0
"""Seconds for one round trip, and as many for a connection to be made, or to be free."""
_OF_SCRIPTS = frozenset({"EVALSHA", "EVAL"})


class ScriptConnection(aredis.Connection):
    """Writes the arguments of scripts, of which there are thousands, in C: ten times as fast."""

    def pack_command(self, *words: Any) -> list[bytes]:
        if words[0] in _OF_SCRIPTS:
            return [hiredis.pack_command(words)]
        return super().pack_command(*words)


class TlsScriptConnection(aredis.SSLConnection):
    """The same over TLS."""

    def pack_command(self, *words: Any) -> list[bytes]:
        if words[0] in _OF_SCRIPTS:
            return [hiredis.pack_command(words)]
        return super().pack_command(*words)


def new_client(address: Address, connections: int) -> aredis.Redis:
    """A client with at most so many connections; who finds none free waits for one."""
    pool = aredis.BlockingConnectionPool(
        connection_class=TlsScriptConnection if address.tls else ScriptConnection,
        max_connections=connections,
        timeout=ANSWER_WITHIN,
        # By default a command whose answer was lost is sent again, up to ten times: the callers of a
        # broker decide that, for they know what may be done twice.
        retry=Retry(NoBackoff(), 0),
        # Of one round trip. A subscription waits for as long as it takes: see `hints.py`.
        socket_timeout=ANSWER_WITHIN,
        socket_connect_timeout=ANSWER_WITHIN,
        socket_keepalive=True,
        protocol=2,
        **address.options(),
    )
    return aredis.Redis(connection_pool=pool)
