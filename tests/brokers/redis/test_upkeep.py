from typing import Any

import pytest

from stoker.brokers import Broker
from stoker.brokers.conformance.making import (
    LEASE,
    ending,
    ids_of,
    new_jobs,
    new_token,
    retake,
    start,
    take,
)
from stoker.brokers.redis.address import parse
from stoker.brokers.redis.server import Server
from stoker.brokers.redis.upkeep import Sweep
from stoker.jobs.clock import FakeClock, Offset
from stoker.jobs.job import Claim
from stoker.jobs.operating import Keep
from stoker.jobs.state import State


async def test_a_large_round_is_done_in_small_ones(broker: Broker, offset: Offset) -> None:
    await broker.enqueue(new_jobs(450, delay=10.0))
    offset.advance(20)
    first = await broker.promote(1000)
    assert 0 < first.promoted < 450 and first.more
    while (await broker.promote(1000)).more:
        pass
    claims = await take(broker, 450)
    claims += await take(broker, 450)
    assert len(claims) == 450
    await broker.cancel(ids_of(claims))
    assert await broker.settle([ending(claim) for claim in claims]) == ["accepted"] * 450
    assert await broker.prune({State.COMPLETED: Keep(count=0)}, 430) == 430
    assert await broker.prune({State.COMPLETED: Keep(count=0)}, 430) == 20


class Sweeps:
    """A sweep whose own clock may be moved apart from the server's."""

    def __init__(self, server: Server) -> None:
        self.clock = FakeClock()
        self._sweep = Sweep(self.clock)
        self._server = server

    def believe(self) -> None:
        """The next time that the server says is taken as it is: it cannot be made to pass."""
        self._sweep._seen.clear()

    async def __call__(self, worker: str | None = None) -> list[Claim]:
        return await self._sweep.reclaim(
            self._server, 10, token=new_token(), lease=LEASE, worker=worker
        )


@pytest.fixture
async def sweep(redis_url: str, offset: Offset) -> Any:
    server = Server(parse(redis_url), offset)
    await server.open()
    yield Sweeps(server)
    await server.close()


async def test_after_a_jump_of_the_servers_clock_nothing_is_reclaimed_for_a_lease(
    broker: Broker, offset: Offset, sweep: Sweeps
) -> None:
    claim = await start(broker)
    assert await sweep() == []
    offset.advance(2 * LEASE)
    sweep.clock.advance(-LEASE)  # to it, the server's clock has jumped ahead
    assert await sweep() == []
    sweep.believe()
    sweep.clock.advance(LEASE / 2)
    assert await sweep() == []
    assert ids_of(await retake(broker)) == [claim.id]  # another, who has seen no jump


async def test_of_a_worker_that_was_seen_to_die_all_is_taken_whatever_the_clocks_say(
    broker: Broker, sweep: Sweeps
) -> None:
    claim = await start(broker, worker="dead")
    assert await sweep() == []
    sweep.clock.advance(-LEASE)
    assert ids_of(await sweep("dead")) == [claim.id]


async def test_clocks_that_go_alike_are_believed(broker: Broker, offset: Offset, sweep: Sweeps) -> None:
    claim = await start(broker)
    assert await sweep() == []
    offset.advance(2 * LEASE)
    assert ids_of(await sweep()) == [claim.id]


async def test_the_hold_after_a_jump_ends(broker: Broker, offset: Offset, sweep: Sweeps) -> None:
    claim = await start(broker)
    assert await sweep() == []
    offset.advance(2 * LEASE)
    sweep.clock.advance(-LEASE)
    assert await sweep() == []
    sweep.believe()
    sweep.clock.advance(LEASE + 1)
    assert ids_of(await sweep()) == [claim.id]


async def test_uptime_is_that_of_the_server(broker: Broker) -> None:
    assert 0 <= await broker.uptime() < 24 * 3600
