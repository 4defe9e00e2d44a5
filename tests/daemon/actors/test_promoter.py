from typing import Any

import pytest

from stoker.daemon.actors import promoter as promoter_module
from stoker.daemon.actors.promoter import LONGEST_WAIT, SHORTEST_WAIT, Promoter
from stoker.jobs.events import Promoted
from stoker.jobs.state import State


@pytest.fixture
def promoter(store, events, clock) -> Promoter:
    return Promoter(broker=store.broker, emit=events.emit, clock=clock)


async def test_a_job_that_is_due_becomes_ready(store, promoter, events) -> None:
    id = await store.put(delay=60.0)
    store.offset.advance(60.1)
    await promoter.tick()
    assert (await store.detail(id)).ready
    assert events == [Promoted(1, 0)]


async def test_a_job_that_is_not_due_waits(store, promoter, events) -> None:
    id = await store.put(delay=60.0)
    store.offset.advance(59.0)
    await promoter.tick()
    assert not (await store.detail(id)).ready
    assert events == []


async def test_a_job_that_has_expired_is_skipped(store, promoter, events) -> None:
    id = await store.put(delay=60.0, expires=30.0)
    store.offset.advance(60.1)
    await promoter.tick()
    job = await store.job(id)
    assert (job.state, job.reason) == (State.SKIPPED, "expired")
    assert events == [Promoted(0, 1)]


async def test_the_next_look_is_when_the_next_job_is_due(store, promoter) -> None:
    await store.put(delay=0.5)
    assert 0.4 < await promoter.tick() <= 0.5


async def test_it_looks_each_second_for_what_others_delay(store, promoter) -> None:
    assert await promoter.tick() == LONGEST_WAIT
    await store.put(delay=3600.0)
    assert await promoter.tick() == LONGEST_WAIT


async def test_it_never_looks_without_a_pause_unless_there_is_more(
    store, promoter, monkeypatch
) -> None:
    monkeypatch.setattr(promoter_module, "LARGEST_ROUND", 2)
    for _ in range(3):
        await store.put(delay=1.0)
    store.offset.advance(1.1)
    assert await promoter.tick() == 0.0
    assert await promoter.tick() >= SHORTEST_WAIT


async def test_it_promotes_by_itself(store, promoter, events, at_work) -> None:
    await store.put(delay=0.05)
    async with at_work(promoter):
        await events.happens(Promoted)


async def test_an_outage_is_waited_out(store, promoter, events, impatient: Any) -> None:
    await store.put(delay=1.0)
    store.offset.advance(1.1)
    store.faults.fail("promote", times=3)
    await promoter.tick()
    assert events.of(Promoted) == [Promoted(1, 0)]
