"""Ready jobs go out: queues take turns, and within a queue the streams' order is the order."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Mapping, Sequence
from math import ceil
from typing import Any

from stoker.brokers.instant import micros, moment
from stoker.brokers.redis.records import claim_of
from stoker.brokers.redis.server import Argument, Server
from stoker.brokers.redis.shards import STORE, Shards
from stoker.jobs.errors import BrokerError
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet, matches

AT_ONCE = 500
"""Jobs of one claim: the server does nothing else meanwhile."""
REMEMBERED = 1000
"""Sets of queues of which it is remembered where the last claim began, in each shard."""
Ask = Callable[[int, int], Coroutine[Any, Any, list[Claim]]]
"""What a shard gives, at most so many."""


class Turns:
    """For each set of queues: with which one a shard's last claim began, and what shards are owed."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._last: dict[tuple[QueueSet, int], str] = {}
        self._owed: dict[QueueSet, dict[int, float]] = {}

    def wanted(self, queues: QueueSet, shard: int) -> list[Argument]:
        """Which queues, as claim.lua takes them, beginning behind the last beginning."""
        after = self._last.get((queues, shard), "")
        if has_patterns(queues):
            return [after, 0, len(queues.include), *queues.include, *queues.exclude]
        names = sorted(set(self.named(queues, shard)))
        begin = bisect_right(names, after)
        return [after, len(names), *names[begin:], *names[:begin]]

    def began(self, queues: QueueSet, shard: int, name: str) -> None:
        if len(self._last) >= REMEMBERED * self._shards.count:
            self._last.clear()
        self._last[queues, shard] = name

    def named(self, queues: QueueSet, shard: int) -> list[str]:
        """Those of the names that belong to this shard."""
        return [
            name
            for name in queues.include
            if self._shards.of_queue(name) == shard and not matches(name, queues.exclude)
        ]

    def shards(self, queues: QueueSet) -> list[int]:
        """Those that can have any of these queues."""
        if has_patterns(queues):
            return list(self._shards.all)
        names = (name for name in queues.include if not matches(name, queues.exclude))
        return sorted(set(map(self._shards.of_queue, names)))

    def shares(self, queues: QueueSet, giving: Mapping[int, int], limit: int) -> dict[int, int]:
        """How many jobs each shard is asked for, by how many queues it has that have any.

        So queues have their turns as if they were in one shard. What does not divide is owed: this is
        smooth weighted round robin, many turns at once.
        """
        if len(self._owed) >= REMEMBERED:
            self._owed.clear()
        before = self._owed.get(queues, {})
        even = sum(before.get(shard, 0.0) for shard in giving) / len(giving)
        total = sum(giving.values())
        owed = {
            shard: before.get(shard, 0.0) - even + limit * number / total
            for shard, number in giving.items()
        }
        shares: dict[int, int] = {}
        for shard in sorted(owed, key=owed.__getitem__, reverse=True):
            share = min(limit, max(0, ceil(owed[shard])), AT_ONCE)
            if share:
                shares[shard] = share
                owed[shard] -= share
                limit -= share
        self._owed[queues] = {**before, **owed}
        return shares


def has_patterns(queues: QueueSet) -> bool:
    return any("*" in name or "?" in name for name in queues.include)


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

    async def ask(shard: int, most: int) -> list[Claim]:
        wanted = turns.wanted(queues, shard)
        if wanted[1:] == [0]:
            return []  # names, all of which are excluded
        words = min(most, AT_ONCE), worker, token, micros(lease), int(lowest_first), *wanted
        started, begun, rows = await server.run("claim", *words, shard=shard)
        if begun:
            turns.began(queues, shard, begun.decode())
        started_at = moment(int(started))
        return [claim_of(row, token, started_at) for row in rows]

    shards = [STORE] if server.shards.count == 1 else turns.shards(queues)
    if len(shards) == 1:
        return await ask(shards[0], limit)
    return await _from_several(server, turns, queues, shards, limit, ask)


async def _from_several(
    server: Server, turns: Turns, queues: QueueSet, shards: Sequence[int], limit: int, ask: Ask
) -> list[Claim]:
    """A look tells which have any; these are asked for their shares, then for what others left.

    What has been claimed is given although a node fails.
    """

    async def look(shard: int) -> int:
        key = server.key("giving", shard)
        if has_patterns(queues):
            return int(await server.command("ZCARD", key, shard=shard))
        found = await server.command("ZMSCORE", key, *turns.named(queues, shard), shard=shard)
        return sum(score is not None for score in found)

    looks, error = await _answers([look(shard) for shard in shards])
    giving = {shard: number for shard, number in zip(shards, looks, strict=True) if number}
    claims: list[Claim] = []
    while giving and (left := limit - len(claims)) > 0:
        shares = turns.shares(queues, giving, left)
        parts, failure = await _answers([ask(shard, share) for shard, share in shares.items()])
        error = error or failure
        for (shard, share), part in zip(shares.items(), parts, strict=True):
            claims += part or ()
            if part is None or len(part) < share:
                del giving[shard]
    if error is not None and not claims:
        raise error
    return claims


async def _answers(calls: Sequence[Coroutine[Any, Any, Any]]) -> tuple[list[Any], BrokerError | None]:
    """What they answer, None for one that has failed, and the first failure."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failure = None
    for answer in answers:
        if isinstance(answer, BrokerError):
            failure = failure or answer
        elif isinstance(answer, BaseException):
            raise answer
    return [None if isinstance(answer, BrokerError) else answer for answer in answers], failure
