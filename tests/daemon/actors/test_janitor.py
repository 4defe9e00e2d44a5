from collections.abc import Callable
from typing import Any

import pytest

from stoker.daemon.actors import janitor as janitor_module
from stoker.daemon.actors.janitor import Janitor
from stoker.jobs.events import Pruned
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Keep
from stoker.jobs.state import State


@pytest.fixture
def janitor(store, events, clock) -> Callable[..., Janitor]:
    def make(**retention: Keep) -> Janitor:
        return Janitor(
            broker=store.broker,
            retention={State(state): keep for state, keep in retention.items()},
            emit=events.emit,
            clock=clock,
        )

    return make


async def completed(store: Any, count: int = 1) -> list[str]:
    ids = [await store.put() for _ in range(count)]
    claims = await store.claim(count)
    await store.broker.settle(
        [Settlement(id=each.id, token=each.token, state=State.COMPLETED, attempts=1) for each in claims]
    )
    return ids


async def test_what_is_past_its_retention_is_deleted(store, janitor, events) -> None:
    [old] = await completed(store)
    store.offset.advance(100.0)
    [young] = await completed(store)
    assert await janitor(completed=Keep(age=60.0)).tick() == 1
    found = await store.broker.get([old, young])
    assert [job is not None for job in found] == [False, True]
    assert events == [Pruned(1)]


async def test_where_there_is_nothing_to_delete_nothing_is_told(store, janitor, events) -> None:
    await completed(store)
    assert await janitor(completed=Keep(age=60.0)).tick() == 0
    assert events == []


async def test_many_are_deleted_in_small_rounds(store, janitor, events, at_work, monkeypatch) -> None:
    monkeypatch.setattr(janitor_module, "ROUND", 2)
    monkeypatch.setattr(janitor_module, "EVERY", 0.01)
    monkeypatch.setattr(janitor_module, "BREATH", 0.0)
    await completed(store, 5)
    async with at_work(janitor(completed=Keep(count=0))):
        await events.happens(Pruned, times=3)
    assert [event.count for event in events.of(Pruned)] == [2, 2, 1]


async def test_an_outage_is_waited_out(store, janitor, events, impatient) -> None:
    await completed(store)
    store.faults.fail("prune", times=3)
    assert await janitor(completed=Keep(count=0)).tick() == 1
