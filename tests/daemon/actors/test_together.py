"""The actors of one process under their supervisor, on a store that fails and makes them stumble."""

import random
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.keeper import Keeper, at_once
from stoker.daemon.actors.lane import Lane
from stoker.daemon.actors.reporter import Reporter
from stoker.daemon.actors.settler import Settler
from stoker.daemon.supervision.supervisor import Budget, Supervisor
from stoker.handlers import Context, handler
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import ChildFell, StoreLost
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State

JOBS = 300
SLOTS = 8


@handler("work")
async def work(ctx: Context, number: int) -> int:
    ctx.log(f"first of {number}")
    for _ in range(number % 7):
        await anyio.lowlevel.checkpoint()
    ctx.progress(50)
    ctx.log(f"last of {number}")
    return number


class Stumbling:
    """A broker that is out at times, and whose callers stumble at others, before or after the effect.

    Claims fail only before it: what a lost answer brought would have to be swept.
    """

    def __init__(self, broker: Any, seed: int) -> None:
        self._broker = broker
        self._random = random.Random(seed)
        self.calm = False

    async def claim(self, *args: Any, **more: Any) -> Any:
        self._stumble()
        return await self._broker.claim(*args, **more)

    async def settle(self, settlements: Any) -> Any:
        return await self._around(self._broker.settle(settlements))

    async def renew(self, held: Any, lease: float) -> Any:
        return await self._around(self._broker.renew(held, lease))

    async def report(self, reports: Any) -> Any:
        return await self._around(self._broker.report(reports))

    async def _around(self, call: Any) -> Any:
        try:
            self._stumble()
            answer = await call
            self._stumble()
            return answer
        finally:
            call.close()

    def _stumble(self) -> None:
        chance = 1.0 if self.calm else self._random.random()
        if chance < 0.1:
            raise BrokerUnavailable("the store is out")
        if chance < 0.2:
            raise ZeroDivisionError("nobody has foreseen this")


@pytest.mark.parametrize("seed", range(5))
async def test_no_job_is_lost_or_run_twice_whatever_befalls_the_actors(
    seed, workplace, store, events, at_work, impatient
) -> None:
    place = workplace(work, slots=SLOTS)
    broker = Stumbling(store.broker, seed)
    common = {"runs": place.runs, "emit": events.emit, "clock": place.clock}
    keeper = Keeper(broker=broker, lease=15.0, renew_every=0.001, margin=3.0, deliver=at_once, **common)
    lanes = [
        Lane(
            name,
            QueueSet.parse([name]),
            limit=limit,
            broker=broker,
            worker="worker-1",
            lease=15.0,
            poll=0.001,
            gate=lambda: keeper.renewing,
            **common,
        )
        for name, limit in (("mail", None), ("pdf", 2))
    ]
    actors = [
        keeper,
        Settler(broker=broker, outbox=place.outbox, flush_grace=10.0, **common),
        Reporter(broker=broker, interval=0.0, batch_size=3, **common),
        place.runs,
        *lanes,
    ]
    root = Supervisor(
        "root", actors, emit=events.emit, clock=place.clock, budget=Budget(restarts=1_000_000)
    )
    ids = [
        await store.put(queue=("mail", "pdf")[number % 2], payload=b'{"number": %d}' % number)
        for number in range(JOBS)
    ]
    async with at_work(root):
        for id in ids:
            job = await store.broker.settled(id, 10.0)
            assert job is not None
            assert (job.state, job.attempts, job.crashes) == (State.COMPLETED, 1, 0)
        broker.calm = True  # who falls while it is stopped is not started anew
    for number, id in enumerate(ids):
        detail = await store.detail(id)
        assert detail.history == ()
        lines = [line.message for line in detail.logs]
        # A report whose answer was lost is sent again: a line may be doubled, and none is missing.
        assert set(lines) == {f"first of {number}", f"last of {number}"}
    assert (place.runs.records, place.runs.active, place.runs.room()) == ({}, 0, SLOTS)
    assert len(place.outbox) == 0
    fallen = {event.child for event in events.of(ChildFell)}
    assert fallen >= {"settler", "lane:mail", "lane:pdf"}
    assert events.of(StoreLost)
