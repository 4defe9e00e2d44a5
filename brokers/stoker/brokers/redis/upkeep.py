"""The periodic rounds: what is due becomes ready, what was left is taken over, the old goes."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stoker.brokers.instant import SECOND, micros
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import reclaim_of
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerError
from stoker.jobs.job import Claim
from stoker.jobs.operating import Promotion, Retention
from stoker.jobs.state import State

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
    count = server.shards.count
    if limit >= count:
        share = limit // count
        return _summed(await server.shards.each(lambda shard: _promote(server, hints, share, shard)))
    parts: list[Promotion] = []
    for shard in server.shards.all:
        parts.append(await _promote(server, hints, limit, shard))
        limit -= max(parts[-1].promoted, parts[-1].expired)
    return _summed(parts)


async def _promote(server: Server, hints: Hints, limit: int, shard: int) -> Promotion:
    limit = min(limit, AT_ONCE)
    hint = hints.may_hint()
    queues, promoted, expired, due = await server.run("promote", limit, shard=shard, hint=hint)
    hints.made_ready(queues, hinted=hint)
    return Promotion(
        promoted=promoted,
        expired=expired,
        queues=tuple(sorted(queue.decode() for queue in queues)),
        next_due=int(due) / SECOND if due else None,
        more=promoted >= limit or expired >= limit,
    )


def _summed(parts: Sequence[Promotion]) -> Promotion:
    if len(parts) == 1:
        return parts[0]
    return Promotion(
        promoted=sum(part.promoted for part in parts),
        expired=sum(part.expired for part in parts),
        queues=tuple(sorted(queue for part in parts for queue in part.queues)),
        next_due=min((part.next_due for part in parts if part.next_due is not None), default=None),
        more=any(part.more for part in parts),
    )


class Sweep:
    """Reclaims of one instance, which watches the server's clock.

    Leases are measured by the server's wall clock, which may be set: then they seem to have ended, or
    to have long to go. So this clock is compared with ours, which only counts on; after a jump nothing
    is taken for one lease.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[int, float]] = {}
        """What time each shard's server had, and our clock."""
        self._held_until = 0.0

    async def reclaim(
        self, server: Server, limit: int, *, token: str, lease: float, worker: str | None
    ) -> list[Claim]:
        """See `Upkeep.reclaim`. What was taken is given although another shard's node fails."""
        claims: list[Claim] = []
        failure: BrokerError | None = None
        for shard in server.shards.all:
            try:
                claims += await self._reclaim(server, limit - len(claims), token, lease, worker, shard)
            except BrokerError as error:
                failure = failure or error
        if failure is not None and not claims:
            raise failure
        return claims

    async def _reclaim(
        self, server: Server, limit: int, token: str, lease: float, worker: str | None, shard: int
    ) -> list[Claim]:
        asked = self._clock.elapsed()
        wanted = 0 if worker is None and asked < self._held_until else limit
        expected: Argument = ""
        if shard in self._seen and worker is None:
            seen, at = self._seen[shard]
            expected = seen + micros(asked - at)
        time, jumped, rows = await server.run(
            "reclaim",
            max(0, min(wanted, AT_ONCE)),
            token,
            micros(lease),
            worker or "",
            expected,
            micros(lease * JUMP),
            shard=shard,
        )
        self._seen[shard] = int(time), self._clock.elapsed()
        if jumped:
            self._held_until = self._clock.elapsed() + lease
            log.warning("the clock of %s has jumped: nothing is reclaimed for a lease", server.address)
        return [reclaim_of(row, token) for row in rows]


async def prune(server: Server, retention: Retention, limit: int) -> int:
    """See `Upkeep.prune`."""
    keeps: list[list[Argument]] = [[] for _ in server.shards.all]
    for state, keep in retention.items():
        age: Argument = "" if keep.age is None else micros(keep.age)
        counts = await _counts(server, state, keep.count, limit)
        for shard in server.shards.all:
            keeps[shard] += (str(state), age, counts[shard])
    pruned = 0
    for shard in server.shards.all:
        pruned += await _prune(server, keeps[shard], limit - pruned, shard)
    return pruned


async def _prune(server: Server, keeps: Sequence[Argument], limit: int, shard: int) -> int:
    pruned = 0
    while True:
        some = max(0, min(limit - pruned, AT_ONCE))
        gone: int = await server.run(
            "prune", some, micros(REMEMBERED), micros(WORKER_KEPT), *keeps, shard=shard
        )
        pruned += gone
        if gone < some or pruned >= limit:
            return pruned


async def _counts(server: Server, state: State, count: int | None, limit: int) -> list[Argument]:
    """How many each shard keeps ("" for all it has), that the newest of all shards are kept."""
    if count is None or server.shards.count == 1:
        return ["" if count is None else count] * server.shards.count

    async def ask(shard: int, *words: Argument) -> Any:
        command, *rest = words
        return await server.command(command, server.key(f"ended:{state}", shard), *rest, shard=shard)

    there: list[int] = await server.shards.each(lambda shard: ask(shard, "ZCARD"))
    beyond = min(sum(there) - count, limit)
    if beyond <= 0:
        return [""] * len(there)
    oldest = await server.shards.each(lambda shard: ask(shard, "ZRANGE", 0, beyond - 1, "WITHSCORES"))
    ages = sorted((int(at), shard) for shard, flat in enumerate(oldest) for at in flat[1::2])
    going = Counter(shard for _, shard in ages[:beyond])
    return [number - going[shard] if going[shard] else "" for shard, number in enumerate(there)]


async def tidy(server: Server, cursors: Sequence[int]) -> list[int]:
    """Remove consumers that are long gone from some of the streams; gives each shard's next cursor."""
    idle = int(WORKER_KEPT * 1000)
    found = await server.shards.each(
        lambda shard: server.run("tidy", cursors[shard], idle, shard=shard)
    )
    return list(map(int, found))
