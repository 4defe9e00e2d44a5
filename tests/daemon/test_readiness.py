import threading
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from stoker.daemon.readiness import Outage, Readiness, Status, both
from stoker.daemon.supervision.rhythm import FORGOTTEN, Patience
from stoker.jobs.clock import FakeClock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import (
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    Event,
    StoreBack,
    StoreLost,
)

STARTED = DaemonStarted("w", "redis://localhost", "consumer", 16, 3)
STOPPING = DaemonStopping("w", "SIGTERM", 2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def readiness(clock: FakeClock) -> Readiness:
    return Readiness(clock)


def lost(actor: str, error: str = "the server at localhost cannot be reached") -> StoreLost:
    return StoreLost(actor, error, 1.0)


def outage(readiness: Readiness) -> Outage:
    found = readiness.status().outage
    assert found is not None
    return found


def test_a_process_that_starts_is_not_ready(readiness: Readiness) -> None:
    assert readiness.status() == Status("starting")
    assert not readiness.status().ready


def test_one_that_works_is_ready(readiness: Readiness) -> None:
    readiness(STARTED)
    assert readiness.status() == Status("working")
    assert readiness.status().ready


def test_one_that_stops_is_not_ready_and_says_why(readiness: Readiness) -> None:
    for event in (STARTED, STOPPING, DaemonStopped("w")):
        readiness(event)
    assert readiness.status() == Status("stopping", "SIGTERM")
    assert not readiness.status().ready


def test_one_that_waits_for_its_store_says_for_what_and_since_when(
    readiness: Readiness, clock: FakeClock
) -> None:
    readiness(STARTED)
    since = datetime.fromtimestamp(clock.now(), UTC)
    readiness(lost("settler"))
    clock.advance(3)
    readiness(lost("lane:*", "the server at localhost is loading its data"))
    assert not readiness.status().ready
    assert readiness.status().phase == "working"
    assert outage(readiness) == Outage(
        since, "the server at localhost is loading its data", ("lane:*", "settler"), 2
    )


def test_it_is_ready_again_when_nobody_waits_any_longer(readiness: Readiness) -> None:
    for event in (STARTED, lost("settler"), lost("keeper"), StoreBack("settler", 1.0)):
        readiness(event)
    assert outage(readiness).waiting == ("keeper",)
    readiness(StoreBack("keeper", 1.0))
    assert readiness.status().ready


def test_a_store_may_be_out_before_the_start_is_over_and_in_a_stop(readiness: Readiness) -> None:
    readiness(lost("broker"))
    assert (readiness.status().phase, outage(readiness).waiting) == ("starting", ("broker",))
    for event in (StoreBack("broker", 1.0), STARTED, STOPPING, lost("settler")):
        readiness(event)
    assert (readiness.status().phase, outage(readiness).waiting) == ("stopping", ("settler",))


def test_an_actor_that_fell_in_an_outage_is_not_waited_for(
    readiness: Readiness, clock: FakeClock
) -> None:
    for event in (STARTED, lost("fallen")):
        readiness(event)
    clock.advance(FORGOTTEN - 1)
    readiness(lost("settler"))
    assert outage(readiness).waiting == ("fallen", "settler")
    clock.advance(1)
    assert outage(readiness).waiting == ("settler",)
    readiness(StoreBack("settler", 1.0))
    assert readiness.status().ready


def test_the_next_outage_begins_anew(readiness: Readiness, clock: FakeClock) -> None:
    readiness(lost("settler"))
    readiness(StoreBack("settler", 0.0))
    clock.advance(60)
    readiness(lost("settler"))
    assert outage(readiness).since == datetime.fromtimestamp(clock.now(), UTC)
    assert outage(readiness).tries == 1


async def test_it_follows_the_patience_of_actors(readiness: Readiness, clock: FakeClock) -> None:
    patience = Patience("lane:*", emit=readiness, clock=clock)
    asked, may_answer = anyio.Event(), False

    async def verb() -> None:
        asked.set()
        if not may_answer:
            raise BrokerUnavailable("the store is out")

    readiness(STARTED)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(patience.call, verb)
            await asked.wait()
            await anyio.lowlevel.checkpoint()
            assert outage(readiness).error == "the store is out"
            may_answer = True
    assert readiness.status().ready


def test_it_may_be_told_from_several_threads(readiness: Readiness) -> None:
    def fail_and_recover(actor: str) -> None:
        for _ in range(500):
            readiness(lost(actor))
            readiness.status()
            readiness(StoreBack(actor, 0.0))

    threads = [threading.Thread(target=fail_and_recover, args=(f"actor {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert readiness.status().outage is None


def test_both_are_given_every_event() -> None:
    first: list[Event] = []
    second: list[Event] = []
    emit = both(first.append, second.append)
    emit(STARTED)
    emit(STOPPING)
    assert first == second == [STARTED, STOPPING]
