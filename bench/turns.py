"""A claim of a hundred jobs and its settlement, timed on two stores in turn: noise meets both alike."""

import asyncio
import secrets
import statistics
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
from loads import PAYLOAD, TYPE

from stoker.brokers.protocol import Broker
from stoker.jobs.ids import IdSource
from stoker.jobs.job import Claim, NewJob, Settlement
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State

BATCH = 100
"""Jobs of one claim."""
WARM_UP = 5
"""Turns before those that count: plans are made, pages are read."""
LEASE = 60.0
"""Seconds."""
LIMIT = 30.0
"""Seconds that one turn has: what waits for a lock would wait forever."""


class Side(msgspec.Struct, frozen=True):
    """One of the two: a store, and what is claimed there."""

    broker: Broker
    queues: QueueSet


class Turn(msgspec.Struct, frozen=True):
    """What one took, or the median of several; in milliseconds."""

    claim: float
    settle: float
    both: float


class Depth(msgspec.Struct, frozen=True):
    """One situation, beside the backlog that it is held against."""

    name: str
    shallow: Turn
    deep: Turn


async def in_turn(name: str, shallow: Side, deep: Side, turns: int) -> Depth:
    """So many turns of each, alternately, after some that do not count.

    Raises RuntimeError if a claim gets less than it asks for, TimeoutError if one does not end.
    """
    found = [(await turn(shallow), await turn(deep)) for _ in range(WARM_UP + turns)][WARM_UP:]
    return Depth(name, median([one for one, _ in found]), median([other for _, other in found]))


async def apart(
    name: str, shallow: Side, deep: Side, turns: int, meanwhile: AbstractAsyncContextManager[None]
) -> Depth:
    """The same, the shallow one first: for what would meet both, were they measured in turn."""
    one = [await turn(shallow) for _ in range(WARM_UP + turns)][WARM_UP:]
    async with meanwhile:
        other = [await turn(deep) for _ in range(WARM_UP + turns)][WARM_UP:]
    return Depth(name, median(one), median(other))


async def turn(side: Side) -> Turn:
    """Claim a hundred and complete them; then, not timed, put a hundred like them in."""
    async with asyncio.timeout(LIMIT):
        begin = time.perf_counter()
        claims = await _claim(side, BATCH)
        between = time.perf_counter()
        await _complete(side, claims)
        end = time.perf_counter()
        await side.broker.enqueue(_likes_of(claims))
    return Turn(1000 * (between - begin), 1000 * (end - between), 1000 * (end - begin))


async def work_off(side: Side, jobs: int, batch: int = 10 * BATCH) -> None:
    """Claim and complete so many."""
    for _ in range(0, jobs, batch):
        await _complete(side, await _claim(side, batch))


def median(turns: Sequence[Turn]) -> Turn:
    """Of each figure by itself."""
    return Turn(
        *(statistics.median(getattr(one, name) for one in turns) for name in Turn.__struct_fields__)
    )


async def _claim(side: Side, limit: int) -> list[Claim]:
    token = secrets.token_hex(16)
    claims = await side.broker.claim(side.queues, limit, worker="bench", token=token, lease=LEASE)
    if len(claims) < limit:
        raise RuntimeError(
            f"a claim of {limit} got {len(claims)}: the backlog is not what it should be"
        )
    return claims


async def _complete(side: Side, claims: Sequence[Claim]) -> None:
    verdicts = await side.broker.settle([_completed(claim) for claim in claims])
    if set(verdicts) != {"accepted"}:
        raise RuntimeError(f"settlements were {', '.join(sorted(set(verdicts)))}, not accepted")


def _completed(claim: Claim) -> Settlement:
    return Settlement(
        id=claim.id,
        token=claim.token,
        state=State.COMPLETED,
        attempts=claim.attempts,
        result=b"null",
    )


def _likes_of(claims: Sequence[Claim]) -> list[NewJob]:
    ids = IdSource()
    return [
        NewJob(
            id=ids.next(claim.queue),
            type=TYPE,
            queue=claim.queue,
            priority=claim.priority,
            payload=PAYLOAD,
        )
        for claim in claims
    ]
