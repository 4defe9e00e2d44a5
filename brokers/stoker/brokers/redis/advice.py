"""What is said at start about a server that may lose jobs."""

import logging
from collections.abc import Mapping
from typing import Any

from stoker.brokers.redis.server import Server

log = logging.getLogger("stoker.brokers.redis")


async def warn_of_settings(server: Server) -> None:
    """Log a warning for each setting of the server under which jobs may be lost."""
    for place, info in server.infos.items():
        for problem in problems(info):
            log.warning("the Redis server %s %s", place, problem)


def problems(info: Mapping[str, Any]) -> list[str]:
    """What is wrong, by the server's INFO, which also a user with few rights may ask for."""
    found = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(
            f"evicts keys when it is full (maxmemory-policy {policy}), jobs among them: "
            "set maxmemory-policy noeviction"
        )
    if not int(info.get("aof_enabled", 1)):
        found.append(
            "keeps no append-only file, so jobs that it has acknowledged are lost when it falls: "
            "set appendonly yes"
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        found.append("could not write its append-only file")
    return found
