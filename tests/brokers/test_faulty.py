import asyncio
import threading
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import pytest

from stoker.brokers import Broker
from stoker.brokers.conformance import BrokerContract, HintsContract, NoTransactionsContract, Opening
from stoker.brokers.conformance.making import ending, new_job, start, state_of, take
from stoker.brokers.faults import VERBS, Faults
from stoker.brokers.faulty import FaultyBroker
from stoker.brokers.instant import HostClock
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.operating import Wakeup
from stoker.jobs.state import State

LIMIT = 10.0
"""Seconds after which a test says that what it waits for did not come."""


class TestWithoutFaults(BrokerContract, HintsContract, NoTransactionsContract):
    """Nothing is lost or changed on the way through."""

    @pytest.fixture
    def opening(self) -> Opening:
        opened: dict[int, Broker] = {}

        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            if max_log_entries not in opened:
                inner = MemoryBroker(max_log_entries=max_log_entries, clock=HostClock(offset))
                opened[max_log_entries] = FaultyBroker(inner)
            return opened[max_log_entries]

        return open


@pytest.fixture
async def broker() -> AsyncIterator[FaultyBroker]:
    async with FaultyBroker(MemoryBroker()) as broker:
        yield broker


def test_every_verb_of_the_protocol_passes_through_the_faults() -> None:
    passing = {name for name in vars(FaultyBroker) if not name.startswith("_")}
    assert passing == VERBS - {"enter", "*"}


async def test_a_verb_fails_before_it_takes_effect(broker: FaultyBroker) -> None:
    broker.faults.fail("enqueue")
    job = new_job()
    with pytest.raises(BrokerUnavailable, match="enqueue was told to fail"):
        await broker.enqueue([job])
    assert await broker.get([job.id]) == [None]


async def test_a_verb_fails_after_it_took_effect(broker: FaultyBroker) -> None:
    claim = await start(broker)
    broker.faults.fail("settle", after=True, times=1)
    with pytest.raises(BrokerUnavailable):
        await broker.settle([ending(claim)])
    assert await state_of(broker, claim.id) is State.COMPLETED
    assert await broker.settle([ending(claim)]) == ["already"]


async def test_a_fault_strikes_as_often_as_it_was_told_to(broker: FaultyBroker) -> None:
    broker.faults.fail("claim", times=2)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await take(broker)
    assert await take(broker) == []


async def test_a_fault_without_a_number_stays_until_it_is_healed(broker: FaultyBroker) -> None:
    broker.faults.fail("claim")
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            await take(broker)
    broker.faults.heal("claim")
    assert await take(broker) == []


async def test_an_outage_befalls_all_verbs_but_those_with_a_fault_of_their_own(
    broker: FaultyBroker,
) -> None:
    broker.faults.fail()
    broker.faults.delay("uptime", 0.0)
    for call in (broker.queues(), broker.promote(1), broker.workers()):
        with pytest.raises(BrokerUnavailable):
            await call
    assert await broker.uptime() >= 0
    broker.faults.heal()
    assert await broker.queues() == []


async def test_entering_can_fail() -> None:
    faults = Faults()
    faults.fail("enter", times=1)
    broker = FaultyBroker(MemoryBroker(), faults)
    with pytest.raises(BrokerUnavailable):
        await broker.__aenter__()
    async with broker:
        assert await broker.queues() == []


async def test_a_hanging_verb_goes_on_when_it_is_healed(broker: FaultyBroker) -> None:
    broker.faults.hang("enqueue")
    job = new_job()
    with anyio.fail_after(LIMIT):
        hanging = asyncio.ensure_future(broker.enqueue([job]))
        await broker.faults.called("enqueue")
        assert await broker.get([job.id]) == [None]
        broker.faults.heal("enqueue")
        (enqueued,) = await hanging
    assert enqueued.created


async def test_a_verb_can_hang_with_its_answer(broker: FaultyBroker) -> None:
    broker.faults.hang("enqueue", after=True)
    job = new_job()
    with anyio.fail_after(LIMIT):
        hanging = asyncio.ensure_future(broker.enqueue([job]))
        await broker.faults.called("enqueue")
        await anyio.wait_all_tasks_blocked()
        assert await state_of(broker, job.id) is State.PENDING
        assert not hanging.done()
        broker.faults.heal()
        await hanging


async def test_one_that_gives_up_leaves_others_hanging(broker: FaultyBroker) -> None:
    broker.faults.hang("queues")
    with anyio.fail_after(LIMIT):
        patient = asyncio.ensure_future(broker.queues())
        impatient = asyncio.ensure_future(broker.queues())
        await broker.faults.called("queues", 2)
        impatient.cancel()
        await asyncio.wait([impatient])
        assert not patient.done()
        broker.faults.heal()
        assert await patient == []


async def test_a_new_fault_takes_the_place_of_a_hanging_one(broker: FaultyBroker) -> None:
    broker.faults.hang("queues")
    with anyio.fail_after(LIMIT):
        hanging = asyncio.ensure_future(broker.queues())
        await broker.faults.called("queues")
        broker.faults.fail("queues")
        assert await hanging == []
    with pytest.raises(BrokerUnavailable):
        await broker.queues()


async def test_a_delayed_verb_does_what_it_should_later(broker: FaultyBroker) -> None:
    broker.faults.delay("queues", 0.02)
    begun = anyio.current_time()
    assert await broker.queues() == []
    assert anyio.current_time() - begun >= 0.02


async def test_hints_can_get_lost(broker: FaultyBroker) -> None:
    hints = broker.wakeups()
    assert await anext(hints) == Wakeup("ready")
    broker.faults.hints_lost = True
    with anyio.fail_after(LIMIT):
        await broker.enqueue([new_job("lost")])
        hearing = asyncio.ensure_future(anext(hints))
        await broker.faults.called("wakeups", 2)
        broker.faults.hints_lost = False
        await broker.enqueue([new_job("heard")])
        assert await hearing == Wakeup("ready", ("heard",))


async def test_listening_fails_when_it_begins_and_later(broker: FaultyBroker) -> None:
    hints = broker.wakeups()
    await anext(hints)
    broker.faults.fail("wakeups")
    await broker.enqueue([new_job()])
    with anyio.fail_after(LIMIT), pytest.raises(BrokerUnavailable):
        await anext(hints)
    with pytest.raises(BrokerUnavailable):
        await anext(broker.wakeups())


async def test_calls_are_counted_whatever_comes_of_them(broker: FaultyBroker) -> None:
    broker.faults.fail("claim", times=1)
    with pytest.raises(BrokerUnavailable):
        await take(broker)
    await take(broker)
    assert broker.faults.calls["claim"] == 2


async def test_a_verb_that_does_not_exist_is_named(broker: FaultyBroker) -> None:
    for command in (broker.faults.fail, broker.faults.hang, broker.faults.heal):
        with pytest.raises(ValueError, match=r"no verb 'clam'.*claim"):
            command("clam")
    with pytest.raises(ValueError, match="no verb"):
        await broker.faults.called("clam")


async def test_brokers_that_share_faults_fail_together() -> None:
    faults = Faults()
    async with FaultyBroker(MemoryBroker(), faults) as one, FaultyBroker(MemoryBroker(), faults) as two:
        faults.fail("queues")
        for broker in (one, two):
            with pytest.raises(BrokerUnavailable):
                await broker.queues()


async def test_what_hangs_on_another_loop_is_released_from_here(broker: FaultyBroker) -> None:
    broker.faults.hang("queues")
    thread = threading.Thread(target=lambda: answers.append(asyncio.run(broker.queues())))
    answers: list[object] = []
    thread.start()
    with anyio.fail_after(LIMIT):
        await broker.faults.called("queues")
        broker.faults.heal()
        await anyio.to_thread.run_sync(thread.join)
    assert answers == [[]]
