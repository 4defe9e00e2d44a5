from typing import Any

import pytest

from stoker.daemon.actors.declarer import EVERY, Declarer
from stoker.jobs.recurring import Schedule
from stoker.jobs.rescheduling import KEPT, Declaration, added


def said(name: str = "clean", line: str = "@daily", version: str = "1", **changes: Any) -> Declaration:
    fields = {"owner": "code", "service": "default", **changes}
    return Declaration(name, Schedule(type=name, line=line), version=version, **fields)


@pytest.fixture
def declarer(store, events, clock):
    def make(*declarations: Declaration) -> Declarer:
        return Declarer(broker=store.broker, declarations=declarations, emit=events.emit, clock=clock)

    return make


@pytest.fixture
def lines(store):
    async def lines() -> dict[str, str]:
        page = await store.broker.recurring()
        return {row.name: row.schedule.line for row in page.items}

    return lines


async def test_what_code_says_is_there(declarer, lines) -> None:
    await declarer(said("a"), said("b", "@hourly")).tick()
    assert await lines() == {"a": "@daily", "b": "@hourly"}


async def test_saying_it_again_at_once_writes_nothing(declarer, store) -> None:
    actor = declarer(said())
    await actor.tick()
    await actor.tick()
    assert store.faults.calls["change"] == 1


async def test_whoever_says_nothing_asks_nothing(declarer, store) -> None:
    await declarer().tick()
    assert store.faults.calls["recurring"] == 0


async def test_hosts_with_other_handlers_leave_each_other_alone(declarer, lines, store) -> None:
    one, other = declarer(said("a")), declarer(said("b"))
    for _ in range(3):
        await one.tick()
        await other.tick()
        await one.clean()
        store.offset.advance(EVERY)
    assert await lines() == {"a": "@daily", "b": "@daily"}


async def test_during_a_deploy_the_newer_version_stands(declarer, lines, store) -> None:
    old, new = declarer(said(line="@daily")), declarer(said(line="@hourly", version="2"))
    await old.tick()
    store.offset.advance(1)
    for _ in range(5):
        await new.tick()
        await old.tick()
        store.offset.advance(EVERY)
        assert await lines() == {"clean": "@hourly"}


async def test_after_a_rollback_the_old_version_stands_again(declarer, lines, store) -> None:
    old, new = declarer(said(line="@daily")), declarer(said(line="@hourly", version="2"))
    await old.tick()
    store.offset.advance(1)
    await new.tick()
    store.offset.advance(4 * EVERY)
    await old.tick()
    assert await lines() == {"clean": "@daily"}


async def test_what_nobody_has_said_for_a_day_goes(declarer, lines, store) -> None:
    await declarer(said("gone")).tick()
    (change,) = added(
        None, "client's", Schedule(type="a", line="@daily"), (await store.broker.recurring()).now
    )
    await store.broker.change([change])
    stays = declarer(said("stays"))
    store.offset.advance(KEPT.total_seconds() - 1)
    await stays.tick()
    await stays.clean()
    assert set(await lines()) == {"gone", "client's", "stays"}
    store.offset.advance(2)
    await stays.clean()
    assert set(await lines()) == {"client's", "stays"}


async def test_an_outage_is_waited_for(declarer, lines, store, impatient) -> None:
    store.faults.fail("recurring", times=2)
    await declarer(said()).tick()
    assert await lines() == {"clean": "@daily"}


async def test_it_speaks_when_it_starts(declarer, lines, at_work, store) -> None:
    actor = declarer(said())
    async with at_work(actor):
        await store.faults.called("change")
    assert await lines() == {"clean": "@daily"}
