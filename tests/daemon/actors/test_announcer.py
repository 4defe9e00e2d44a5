from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.announcer import Announcer
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.operating import TypeInfo, Worker


@pytest.fixture
def announcer(store, events, clock) -> Callable[..., Announcer]:
    def make(**more: Any) -> Announcer:
        values = {
            "broker": store.broker,
            "worker": lambda: Worker(name="worker-1", slots=4),
            "types": [TypeInfo(name="reports.generate", version="2")],
            "every": 1000.0,
            "emit": events.emit,
            "clock": clock,
        }
        return Announcer(**(values | more))

    return make


async def test_types_are_published_and_the_worker_announced(store, announcer, at_work) -> None:
    async with at_work(announcer()):
        await store.faults.called("announce")
        await anyio.wait_all_tasks_blocked()
        [row] = await store.broker.workers()
        assert (row.name, row.slots) == ("worker-1", 4)
        assert row.seen_at is not None
    assert (await store.broker.types())["reports.generate"].version == "2"


async def test_a_producer_without_types_is_announced_as_well(store, announcer, at_work) -> None:
    async with at_work(announcer(types=[])):
        await store.faults.called("announce")


async def test_the_row_is_refreshed_as_things_stand(store, announcer, at_work) -> None:
    running = 0

    def worker() -> Worker:
        nonlocal running
        running += 1
        return Worker(name="worker-1", running=running)

    async with at_work(announcer(worker=worker, every=0.01)):
        await store.faults.called("announce", 3)
        await anyio.wait_all_tasks_blocked()
        [row] = await store.broker.workers()
        assert row.running >= 3


async def test_its_row_goes_when_it_is_stopped(store, announcer, at_work) -> None:
    async with at_work(announcer()):
        await store.faults.called("announce")
        await anyio.wait_all_tasks_blocked()
    assert await store.broker.workers() == []


async def test_its_row_stays_when_it_falls(store, announcer) -> None:
    class Refusing:
        departed = False

        async def publish(self, types: Any) -> None: ...

        async def announce(self, worker: Any) -> None:
            raise BrokerRefused("too new")

        async def depart(self, name: str) -> None:
            self.departed = True

    broker = Refusing()
    with anyio.fail_after(10), pytest.raises(BrokerRefused):
        await announcer(broker=broker).run(task_status=anyio.TASK_STATUS_IGNORED)
    assert not broker.departed


async def test_a_store_that_is_out_holds_neither_the_start_nor_the_stop(
    store, announcer, at_work, monkeypatch
) -> None:
    monkeypatch.setattr("stoker.daemon.actors.announcer.LEAVING", 0.05)
    store.faults.fail()
    async with at_work(announcer()):
        await store.faults.called("publish")
    assert store.faults.calls["depart"] >= 1


async def test_after_an_outage_it_is_announced(store, announcer, at_work, impatient) -> None:
    store.faults.fail("publish", times=2)
    store.faults.fail("announce", times=2)
    async with at_work(announcer()):
        await store.faults.called("announce", 3)
