"""Which version of the keys there are, and which is the oldest that may still use them."""

from stoker.brokers.redis.server import Server
from stoker.jobs.errors import SchemaTooNew

VERSION = 1
OLDEST = 1
"""What a program must at least know to use keys of this version."""
SCHEMA = "schema"


async def migrate(server: Server) -> None:
    """Write down this version, unless it is there. Safe to call at once from several programs.

    Raises SchemaTooNew if a newer Stoker has written keys that this one does not know.
    """
    await check_schema(server)
    await server.command("HSETNX", server.key(SCHEMA), "version", VERSION)
    await server.command("HSETNX", server.key(SCHEMA), "oldest", OLDEST)


async def check_schema(server: Server) -> None:
    """Raise SchemaTooNew if this program is too old for the keys that there are."""
    version, oldest = await server.command("HMGET", server.key(SCHEMA), "version", "oldest")
    if oldest is not None and int(oldest) > VERSION:
        raise SchemaTooNew(
            f"the Redis server {server.address} was prepared by a newer Stoker (keys of version "
            f"{int(version)}, this one knows {VERSION}): upgrade this program"
        )
