"""Ready jobs go out: queues take turns, and within a queue the streams' order is the order."""

from bisect import bisect_right

from stoker.brokers.instant import micros, moment
from stoker.brokers.redis.records import claim_of
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet

AT_ONCE = 500
"""Jobs of one claim: the server does nothing else meanwhile."""
REMEMBERED = 1000
"""Sets of queues of which it is remembered where the last claim began."""


class Turns:
    """With which queue the last claim of each set began, in this instance."""

    def __init__(self) -> None:
        self._last: dict[QueueSet, str] = {}

    def wanted(self, queues: QueueSet) -> list[Argument]:
        """Which queues, as claim.lua takes them, beginning behind the last beginning."""
        after = self._last.get(queues, "")
        if any("*" in name or "?" in name for name in queues.include):
            return [after, 0, len(queues.include), *queues.include, *queues.exclude]
        names = sorted({name for name in queues.include if name in queues})
        begin = bisect_right(names, after)
        return [after, len(names), *names[begin:], *names[:begin]]

    def began(self, queues: QueueSet, name: str) -> None:
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[queues] = name


async def claim(
    server: Server,
    turns: Turns,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`."""
    wanted = turns.wanted(queues)
    if wanted[1:] == [0]:
        return []  # names, all of which are excluded
    started, begun, rows = await server.run(
        "claim", min(limit, AT_ONCE), worker, token, micros(lease), int(lowest_first), *wanted
    )
    if begun:
        turns.began(queues, begun.decode())
    started_at = moment(int(started))
    return [claim_of(row, token, started_at) for row in rows]
