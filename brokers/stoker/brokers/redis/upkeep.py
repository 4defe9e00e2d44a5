"""The periodic rounds: what is due becomes ready, what was left is taken over, the old goes."""

import logging

from stoker.brokers.instant import SECOND, micros
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import reclaim_of
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.clock import Clock
from stoker.jobs.job import Claim
from stoker.jobs.operating import Promotion, Retention

AT_ONCE = 200
"""Jobs of one script: the server does nothing else meanwhile."""
REMEMBERED = 3600.0
"""Seconds after a job's end for which its id is still known, however soon retention takes the job."""
WORKER_KEPT = 24 * 3600.0
JUMP = 0.25
"""Of a lease: by so much the server's clock may run apart from ours before it is not believed."""
log = logging.getLogger("stoker.brokers.redis")


async def promote(server: Server, hints: Hints, limit: int) -> Promotion:
    """See `Upkeep.promote`."""
    limit = min(limit, AT_ONCE)
    hint = hints.may_hint()
    queues, promoted, expired, due = await server.run("promote", limit, hint=hint)
    hints.made_ready(queues, hinted=hint)
    return Promotion(
        promoted=promoted,
        expired=expired,
        queues=tuple(sorted(queue.decode() for queue in queues)),
        next_due=int(due) / SECOND if due else None,
        more=promoted >= limit or expired >= limit,
    )


class Sweep:
    """Reclaims of one instance, which watches the server's clock.

    Leases are measured by the server's wall clock, which may be set: then they seem to have ended, or
    to have long to go. So this clock is compared with ours, which only counts on; after a jump nothing
    is taken for one lease.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[int, float] | None = None
        self._held_until = 0.0

    async def reclaim(
        self, server: Server, limit: int, *, token: str, lease: float, worker: str | None
    ) -> list[Claim]:
        """See `Upkeep.reclaim`."""
        asked = self._clock.elapsed()
        wanted = 0 if worker is None and asked < self._held_until else limit
        expected: Argument = ""
        if self._seen is not None and worker is None:
            expected = self._seen[0] + micros(asked - self._seen[1])
        time, jumped, rows = await server.run(
            "reclaim",
            max(0, min(wanted, AT_ONCE)),
            token,
            micros(lease),
            worker or "",
            expected,
            micros(lease * JUMP),
        )
        self._seen = int(time), self._clock.elapsed()
        if jumped:
            self._held_until = self._seen[1] + lease
            log.warning("the clock of %s has jumped: nothing is reclaimed for a lease", server.address)
        return [reclaim_of(row, token) for row in rows]


async def prune(server: Server, retention: Retention, limit: int) -> int:
    """See `Upkeep.prune`."""
    keeps: list[Argument] = []
    for state, keep in retention.items():
        age: Argument = "" if keep.age is None else micros(keep.age)
        keeps += (str(state), age, "" if keep.count is None else keep.count)
    pruned = 0
    while True:
        some = min(limit - pruned, AT_ONCE)
        gone: int = await server.run(
            "prune", max(0, some), micros(REMEMBERED), micros(WORKER_KEPT), *keeps
        )
        pruned += gone
        if gone < some or pruned >= limit:
            return pruned


async def tidy(server: Server, cursor: int) -> int:
    """Remove consumers that are long gone from some of the streams; gives the next cursor."""
    return int(await server.run("tidy", cursor, int(WORKER_KEPT * 1000)))
