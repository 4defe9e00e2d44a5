import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors import lane as lane_module
from stoker.daemon.actors.lane import LOWEST_EVERY, Lane
from stoker.handlers import Context, handler
from stoker.jobs.events import JobsClaimed
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State


class Stage:
    """A handler that waits for us."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self._began = asyncio.Event()

        @handler("work")
        async def work(ctx: Context) -> None:
            self.begun.append(ctx.job.id)
            self._began.set()
            await self.go.wait()

        self.work = work

    async def has_begun(self, count: int) -> list[str]:
        with anyio.fail_after(10):
            while len(self.begun) < count:
                self._began.clear()
                await self._began.wait()
        return self.begun


@pytest.fixture
async def stage() -> Stage:
    return Stage()


@pytest.fixture
def lane(store, events) -> Callable[..., Lane]:
    def make(place: Any, name: str = "all", *patterns: str, **more: Any) -> Lane:
        values = {
            "limit": None,
            "broker": store.broker,
            "runs": place.runs,
            "worker": "worker-1",
            "lease": 15.0,
            "poll": 1000.0,
            "gate": lambda: True,
            "emit": events.emit,
            "clock": place.clock,
        }
        return Lane(name, QueueSet.parse(patterns or ("*",)), **(values | more))

    return make


class Recording:
    """A broker of which a lane's claims are known; it has no jobs but those that it is given."""

    def __init__(self, claims: Any = ()) -> None:
        self.asked: list[tuple[int, bool]] = []
        self.tokens: list[str] = []
        self._claims = list(claims)

    async def claim(
        self, queues: Any, limit: int, *, token: str, lowest_first: bool, **more: Any
    ) -> Any:
        self.asked.append((limit, lowest_first))
        self.tokens.append(token)
        await asyncio.sleep(0)
        taken, self._claims = self._claims[:limit], self._claims[limit:]
        return taken


async def test_jobs_are_claimed_and_begun(workplace, store, lane, stage, at_work, events) -> None:
    place = workplace(stage.work)
    ids = [await store.put() for _ in range(3)]
    async with at_work(lane(place)):
        assert await stage.has_begun(3) == ids
        job = await store.job(ids[0])
        assert (job.state, job.worker) == (State.RUNNING, "worker-1")
    [claimed] = events.of(JobsClaimed)
    assert (claimed.lane, claimed.count) == ("lane:all", 3)


async def test_only_its_queues_are_worked(workplace, store, lane, stage, at_work) -> None:
    place = workplace(stage.work)
    await store.put(queue="pdf")
    mail = await store.put(queue="mail")
    async with at_work(lane(place, "mail", "mail")):
        await stage.has_begun(1)
        await anyio.wait_all_tasks_blocked()
        assert stage.begun == [mail]


# Room


async def test_no_more_is_claimed_than_there_are_free_slots(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work, slots=3)
    for _ in range(10):
        await store.put()
    async with at_work(lane(place)):
        await stage.has_begun(3)
        await anyio.wait_all_tasks_blocked()
        assert (place.runs.active, len(stage.begun)) == (3, 3)


async def test_a_slot_that_is_freed_is_filled_at_once(workplace, store, lane, stage, at_work) -> None:
    place = workplace(stage.work, slots=2)
    for _ in range(4):
        await store.put()
    async with at_work(lane(place)):
        await stage.has_begun(2)
        stage.go.set()
        await stage.has_begun(4)


async def test_without_acknowledgements_claiming_ends_at_twice_the_slots(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work, slots=2)
    stage.go.set()
    for _ in range(10):
        await store.put()
    async with at_work(lane(place)):
        await place.settlements(4)
        await anyio.wait_all_tasks_blocked()
        assert len(stage.begun) == 4
        await place.acknowledge(2)
        await stage.has_begun(6)


async def test_a_lane_with_a_limit_runs_no_more_than_that(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work, slots=10)
    for _ in range(5):
        await store.put(queue="pdf")
    async with at_work(lane(place, "pdf", "pdf", limit=2)):
        await stage.has_begun(2)
        await anyio.wait_all_tasks_blocked()
        assert place.runs.active_by_lane == {"lane:pdf": 2}
        stage.go.set()
        await stage.has_begun(5)


async def test_two_lanes_together_claim_no_more_than_there_are_free_slots(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work, slots=4)
    for _ in range(5):
        await store.put(queue="mail")
        await store.put(queue="pdf")
    store.faults.delay("claim", 0.01)  # so that both claims are under way at once
    async with at_work(lane(place, "mail", "mail")), at_work(lane(place, "pdf", "pdf")):
        await stage.has_begun(4)
        store.faults.heal()
        await anyio.wait_all_tasks_blocked()
        assert (place.runs.active, len(stage.begun)) == (4, 4)


async def test_no_lane_starves_beside_a_full_one(workplace, store, lane, at_work) -> None:
    turns: list[str] = []
    enough = asyncio.Event()

    @handler("work")
    async def work(ctx: Context) -> None:
        turns.append(ctx.job.queue)
        if len(turns) == 20:
            enough.set()
        for _ in range(20):  # so long that both lanes wait for its slot
            await asyncio.sleep(0)

    place = workplace(work, slots=1)
    for _ in range(50):
        await store.put(queue="mail")
        await store.put(queue="pdf")

    async def settle() -> None:
        while True:
            await place.acknowledge()

    settling = asyncio.ensure_future(settle())
    async with at_work(lane(place, "mail", "mail")), at_work(lane(place, "pdf", "pdf")):
        await enough.wait()
    settling.cancel()
    assert turns[:20].count("pdf") >= 8


async def test_room_that_a_lane_did_not_need_goes_to_the_others(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work, slots=4)
    await store.put(queue="pdf")
    store.faults.hang("claim", times=1)
    async with at_work(lane(place, "mail", "mail")):
        await store.faults.called("claim")  # it keeps all the room for its claim
        async with at_work(lane(place, "pdf", "pdf")):
            await anyio.wait_all_tasks_blocked()
            assert stage.begun == []
            store.faults.heal()
            await stage.has_begun(1)


async def test_a_lane_that_falls_gives_its_room_back(workplace, lane, stage) -> None:
    class Broken:
        async def claim(self, *args: Any, **more: Any) -> Any:
            raise ZeroDivisionError

    place = workplace(stage.work)
    with anyio.fail_after(10), pytest.raises(ZeroDivisionError):
        await lane(place, broker=Broken()).run(task_status=anyio.TASK_STATUS_IGNORED)
    assert place.runs.room() == 4


# What is asked for


async def test_every_tenth_claim_asks_for_the_lowest_priority_first(
    workplace, claim, lane, at_work, stage
) -> None:
    place = workplace(stage.work, slots=1)
    stage.go.set()
    broker = Recording([claim() for _ in range(30)])

    async def settle() -> None:
        while True:
            await place.acknowledge()

    settling = asyncio.ensure_future(settle())
    async with at_work(lane(place, broker=broker)):
        await stage.has_begun(30)
    settling.cancel()
    lowest = [number for number, (_, lowest_first) in enumerate(broker.asked, 1) if lowest_first]
    assert lowest[:3] == [LOWEST_EVERY, 2 * LOWEST_EVERY, 3 * LOWEST_EVERY]


async def test_every_claim_has_a_token_of_its_own(workplace, lane, at_work) -> None:
    broker = Recording()
    one = lane(workplace(), broker=broker)
    async with at_work(one):
        for _ in range(5):
            await anyio.wait_all_tasks_blocked()
            one.hint()
    assert len(set(broker.tokens)) == len(broker.tokens) >= 5
    assert all(len(token) == 32 for token in broker.tokens)


async def test_a_lease_counts_from_when_the_claim_was_sent(
    workplace, store, lane, stage, at_work, impatient
) -> None:
    place = workplace(stage.work)
    await store.put()
    began = place.clock.elapsed()

    class Slow:
        calls = 0

        async def claim(self, *args: Any, **more: Any) -> Any:
            self.calls += 1
            place.clock.advance(100.0 if self.calls == 1 else 2.0)
            return await store.broker.claim(*args, **more)

    store.faults.fail("claim", times=1)  # for a hundred seconds the store was out
    async with at_work(lane(place, broker=Slow())):
        await stage.has_begun(1)
        [record] = place.runs.records.values()
    assert record.safe_until == began + 100.0 + 15.0 - 3.0


# When it looks


async def test_an_idle_lane_waits_for_a_hint(workplace, store, lane, stage, at_work) -> None:
    one = lane(workplace(stage.work))
    async with at_work(one):
        await store.faults.called("claim")
        await anyio.wait_all_tasks_blocked()
        await store.put()
        await anyio.wait_all_tasks_blocked()
        assert stage.begun == []
        one.hint()
        await stage.has_begun(1)


async def test_a_hint_that_comes_while_it_claims_is_not_lost(
    workplace, store, lane, stage, at_work
) -> None:
    one = lane(workplace(stage.work))
    store.faults.hang("claim", times=1, after=True)
    async with at_work(one):
        await store.faults.called("claim")
        await anyio.wait_all_tasks_blocked()  # it has found nothing, and does not know it yet
        await store.put()
        one.hint()
        store.faults.heal()
        await stage.has_begun(1)


async def test_without_hints_it_polls(workplace, store, lane, stage, at_work) -> None:
    async with at_work(lane(workplace(stage.work), poll=0.01)):
        await store.faults.called("claim", 2)
        await store.put()
        await stage.has_begun(1)


async def test_a_full_lane_does_not_poll(workplace, store, lane, stage, at_work) -> None:
    place = workplace(stage.work, slots=1)
    await store.put()
    one = lane(place, poll=0.0)
    async with at_work(one):
        await stage.has_begun(1)
        calls = store.faults.calls["claim"]
        one.hint()
        await anyio.wait_all_tasks_blocked()
        assert store.faults.calls["claim"] == calls


async def test_nothing_is_claimed_while_the_gate_is_closed(
    workplace, store, lane, stage, at_work, monkeypatch
) -> None:
    monkeypatch.setattr(lane_module, "GATE_CHECK", 0.001)
    looks = 0
    looked, opened = asyncio.Event(), False

    def gate() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            looked.set()
        return opened

    await store.put()
    async with at_work(lane(workplace(stage.work), gate=gate)):
        await looked.wait()
        assert store.faults.calls["claim"] == 0
        opened = True
        await stage.has_begun(1)


async def test_after_an_outage_claiming_goes_on_by_itself(
    workplace, store, lane, stage, at_work, impatient
) -> None:
    await store.put()
    store.faults.fail("claim", times=5)
    async with at_work(lane(workplace(stage.work))):
        await stage.has_begun(1)


# Stops


async def test_what_a_claim_under_way_brings_at_a_stop_goes_back(
    workplace, store, lane, stage, at_work, events
) -> None:
    place = workplace(stage.work)
    ids = [await store.put() for _ in range(2)]
    store.faults.hang("claim", times=1, after=True)
    async with at_work(lane(place)):
        await store.faults.called("claim")
        await anyio.wait_all_tasks_blocked()
        asyncio.get_running_loop().call_later(0.01, store.faults.heal)
    settlements = await place.settlements(2)
    assert {each.id for each in settlements} == set(ids)
    await store.broker.settle(settlements)
    for id in ids:
        detail = await store.detail(id)
        assert (detail.job.state, detail.job.attempts, detail.history) == (State.PENDING, 0, ())
    assert stage.begun == []
    assert place.runs.room() == 4


async def test_a_stop_waits_for_a_claim_no_longer_than_a_third_of_its_lease(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work)
    store.faults.hang("claim")
    async with at_work(lane(place, lease=0.1)):
        await store.faults.called("claim")
    assert (len(place.outbox), place.runs.room()) == (0, 4)


async def test_a_stop_while_the_store_is_out_takes_no_claim(
    workplace, store, lane, stage, at_work
) -> None:
    place = workplace(stage.work)
    store.faults.fail("claim")
    async with at_work(lane(place, lease=0.1)):
        await store.faults.called("claim")
    store.faults.heal()
    await store.put()
    await anyio.wait_all_tasks_blocked()
    assert stage.begun == []


async def test_a_claim_that_was_answered_just_at_the_stop_goes_back(workplace, claim, lane) -> None:
    place = workplace()
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class Slow:
        async def claim(self, *args: Any, **more: Any) -> Any:
            return await answer

    task = asyncio.ensure_future(lane(place, broker=Slow()).run(task_status=anyio.TASK_STATUS_IGNORED))
    await anyio.wait_all_tasks_blocked()
    job = claim()
    answer.set_result([job])
    task.cancel()
    with anyio.fail_after(10), pytest.raises(asyncio.CancelledError):
        await task
    [settlement] = await place.settlements()
    assert (settlement.id, settlement.state) == (job.id, State.PENDING)
    assert place.runs.active == 0
