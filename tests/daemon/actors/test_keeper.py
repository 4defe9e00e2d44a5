import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.keeper import Keeper, at_once
from stoker.handlers import Context, handler
from stoker.jobs.clock import SystemClock
from stoker.jobs.events import CancelDelivered, LeaseLost, StoreBack, StoreLost
from stoker.jobs.job import Held, Renewal
from stoker.jobs.state import State


@handler("work")
async def work(ctx: Context) -> None:
    await asyncio.Event().wait()


@handler("careless", self_fence=False)
async def careless() -> None:
    await asyncio.Event().wait()


@handler("careful", self_fence=True)
async def careful() -> None:
    await asyncio.Event().wait()


HANDLERS = (work, careless, careful)


@pytest.fixture
def keeper(store, events) -> Callable[..., Keeper]:
    def make(place: Any, **more: Any) -> Keeper:
        values = {
            "broker": store.broker,
            "runs": place.runs,
            "lease": 15.0,
            "renew_every": 5.0,
            "margin": 3.0,
            "deliver": at_once,
            "emit": events.emit,
            "clock": place.clock,
        }
        return Keeper(**(values | more))

    return make


async def begun(place: Any, store: Any, *types: str) -> list[Any]:
    """Runs of jobs of these types, claimed just now."""
    for type in types:
        await store.put(type)
    records = place.begin(*await store.claim())
    await anyio.wait_all_tasks_blocked()
    return sorted(records, key=lambda record: types.index(record.claim.type))


# Renewing


async def test_all_claims_are_renewed_in_one_call(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    await begun(place, store, "work", "work", "work")
    store.offset.advance(10.0)
    await keeper(place).tick()
    store.offset.advance(10.0)
    assert await store.broker.reclaim(10, token="another", lease=15.0) == []
    assert store.faults.calls["renew"] == 1


async def test_the_first_renewal_is_at_once(workplace, store, keeper, at_work) -> None:
    async with at_work(keeper(workplace(), renew_every=1000.0)):
        await store.faults.called("renew")


async def test_renewals_follow_each_other_by_themselves(workplace, store, keeper, at_work) -> None:
    async with at_work(keeper(workplace(), renew_every=0.01)):
        await store.faults.called("renew", 4)


async def test_a_nudge_renews_at_once(workplace, store, keeper, at_work) -> None:
    one = keeper(workplace(), renew_every=1000.0)
    async with at_work(one):
        await store.faults.called("renew", 1)
        one.renew_now()
        await store.faults.called("renew", 2)


async def test_a_run_that_has_ended_is_renewed_until_it_is_settled(workplace, store, keeper) -> None:
    @handler("quick")
    async def quick() -> None: ...

    place = workplace(quick)
    await begun(place, store, "quick")
    await place.settlements()
    store.offset.advance(10.0)
    await keeper(place).tick()
    store.offset.advance(10.0)
    assert await store.broker.reclaim(10, token="another", lease=15.0) == []


# Cancels


async def test_a_wish_to_cancel_is_delivered_with_its_reason(workplace, store, keeper, events) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    await store.broker.cancel([record.claim.id], "not needed")
    await keeper(place).tick()
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.reason) == (State.CANCELLED, "not needed")
    assert events.of(CancelDelivered) == [CancelDelivered(record.claim.id, "not needed")]


async def test_a_wish_is_delivered_once_however_long_the_run_takes_to_end(
    workplace, store, keeper, events
) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    await store.broker.cancel([record.claim.id])
    blocked: list[Any] = []
    one = keeper(place, deliver=blocked.append)  # a loop that does not come to it
    await one.tick()
    await one.tick()
    assert (len(events.of(CancelDelivered)), len(blocked)) == (1, 1)


async def test_a_run_that_is_stopped_already_is_not_said_to_be_cancelled(
    workplace, store, keeper, events
) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    place.runs.interrupt(record, "shutdown", "shutdown")
    await store.broker.cancel([record.claim.id])
    await keeper(place).tick()
    assert events.of(CancelDelivered) == []


# Lost leases


async def test_a_claim_that_is_lost_ends_its_run(workplace, store, keeper, events) -> None:
    place = workplace(*HANDLERS)
    lost, kept = await begun(place, store, "work", "careless")
    store.offset.advance(10.0)
    await store.broker.renew([Held(kept.claim.id, kept.claim.token)], 15.0)
    await store.take_away(lost.claim.id, after=6.0)
    await keeper(place).tick()
    with anyio.fail_after(10):
        await asyncio.wait([lost.task])
    assert (lost.interruption, kept.interruption, len(place.outbox)) == ("lost", None, 0)
    assert events.of(LeaseLost) == [LeaseLost(lost.claim.id, "work", "renew")]


async def test_a_claim_is_lost_once_however_long_its_run_takes_to_end(
    workplace, store, keeper, events
) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    await store.take_away(record.claim.id)
    blocked: list[Any] = []
    one = keeper(place, deliver=blocked.append)
    await one.tick()
    await one.tick()
    assert (len(events.of(LeaseLost)), len(blocked)) == (1, 1)


async def test_a_cancelled_run_that_is_lost_is_told_of_that_as_well(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    blocked: list[Any] = []
    one = keeper(place, deliver=blocked.append)
    await store.broker.cancel([record.claim.id])
    await one.tick()
    await store.take_away(record.claim.id)
    await one.tick()
    for call in blocked:
        call()
    assert record.interruption == "lost"


async def test_a_settled_run_whose_token_is_gone_is_no_loss(workplace, store, keeper, events) -> None:
    @handler("quick")
    async def quick() -> None: ...

    place = workplace(quick)
    await begun(place, store, "quick")
    await store.broker.settle(await place.settlements())
    await keeper(place).tick()
    assert events.of(LeaseLost) == []


async def test_a_run_that_has_completed_in_its_own_transaction_is_no_loss(
    workplace, store, keeper, events
) -> None:
    class Services:
        client = sync_client = None

        async def settle_in(self, connection: Any, settlement: Any) -> Any:
            [verdict] = await store.broker.settle([settlement])
            return verdict

    @handler("completing")
    async def completing(ctx: Context) -> None:
        await ctx.complete_in(None)
        await asyncio.Event().wait()

    place = workplace(completing, services=Services())
    [record] = await begun(place, store, "completing")
    await keeper(place).tick()
    assert record.interruption is None
    assert events.of(LeaseLost) == []


# The fence


async def test_a_run_is_fenced_before_its_lease_ends(workplace, store, keeper, events) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    one = keeper(place)
    store.faults.fail("renew")
    place.clock.advance(11.9)
    await one.tick()
    assert record.interruption is None
    place.clock.advance(0.2)
    await one.tick()
    [settlement] = await place.settlements()
    assert (settlement.state, settlement.attempts) == (State.PENDING, 0)
    assert settlement.run.error == "its lease could not be renewed in time"
    assert events.of(LeaseLost) == [LeaseLost(record.claim.id, "work", "self_fence")]


async def test_the_fence_counts_from_when_the_claim_was_sent(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    await store.put("work")
    claims, sent = await store.claim(), place.clock.elapsed()
    place.clock.advance(5.0)  # so long the answer took
    place.runs.begin(claims, lane="lane:a", claimed_at=sent)
    [record] = place.runs.records.values()
    assert record.safe_until == sent + 15.0 - 3.0


async def test_the_fence_counts_from_when_the_last_renewal_was_sent(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    place.clock.advance(4.0)

    class Slow:
        async def renew(self, held: Any, lease: float) -> Renewal:
            place.clock.advance(2.0)
            return await store.broker.renew(held, lease)

    sent = place.clock.elapsed()
    await keeper(place, broker=Slow()).tick()
    assert record.safe_until == sent + 15.0 - 3.0


async def test_a_renewal_in_time_moves_the_fence(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    one = keeper(place)
    for _ in range(10):
        place.clock.advance(5.0)
        await one.tick()
    assert record.interruption is None


@pytest.mark.parametrize(
    ("general", "type", "fenced"),
    [
        (True, "work", True),
        (False, "work", False),
        (True, "careless", False),
        (False, "careful", True),
    ],
)
async def test_the_handlers_own_word_on_fencing_goes_before_the_configurations(
    general, type, fenced, workplace, store, keeper
) -> None:
    place = workplace(*HANDLERS, self_fence=general)
    [record] = await begun(place, store, type)
    store.faults.fail("renew")
    place.clock.advance(100.0)
    await keeper(place).tick()
    assert (record.interruption == "fenced") is fenced


async def test_runs_that_are_not_fenced_do_not_hasten_the_renewals(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    await begun(place, store, "careless")
    store.faults.fail("renew")
    one = keeper(place)
    place.clock.advance(100.0)
    await one.tick()
    assert one._until_fence() == 15.0


async def test_a_run_is_fenced_once_however_long_it_takes_to_end(
    workplace, store, keeper, events
) -> None:
    place = workplace(*HANDLERS)
    await begun(place, store, "work")
    store.faults.fail("renew")
    place.clock.advance(12.1)
    blocked: list[Any] = []
    one = keeper(place, deliver=blocked.append)
    await one.tick()
    await one.tick()
    assert (len(events.of(LeaseLost)), len(blocked)) == (1, 1)


async def test_a_run_that_is_being_cancelled_is_not_fenced_as_well(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    record.interruption = "cancel"
    store.faults.fail("renew")
    place.clock.advance(12.1)
    await keeper(place).tick()
    assert record.interruption == "cancel"


# A store that is out


async def test_it_says_whether_it_can_renew(workplace, store, keeper, events) -> None:
    place = workplace()
    one = keeper(place)
    assert one.renewing
    store.faults.fail("renew", times=2)
    await one.tick()
    assert not one.renewing
    await one.tick()
    place.clock.advance(3.0)
    await one.tick()
    assert one.renewing
    assert [type(event) for event in events] == [StoreLost, StoreLost, StoreBack]
    assert events.of(StoreBack) == [StoreBack("keeper", 3.0)]


async def test_it_tries_again_soon(workplace, store, keeper, at_work) -> None:
    store.faults.fail("renew", times=2)
    async with at_work(keeper(workplace(), renew_every=1000.0)):
        await store.faults.called("renew", 3)


async def test_a_store_that_hangs_is_out_and_named(workplace, store, keeper, events) -> None:
    store.faults.hang("renew")
    with anyio.fail_after(10):
        await keeper(workplace(), margin=0.05, store="redis://here").tick()
    assert [event.error for event in events.of(StoreLost)] == [
        "redis://here did not answer within 0.05 s"
    ]


async def test_the_fence_does_not_wait_for_a_store_that_hangs(workplace, store, keeper) -> None:
    place = workplace(*HANDLERS, clock=SystemClock())
    [record] = await begun(place, store, "work")
    one = keeper(place, margin=1000.0)
    store.faults.fail("renew")
    await one.tick()
    store.faults.hang("renew")
    record.safe_until = place.clock.elapsed() + 0.06
    with anyio.fail_after(10):
        await one.tick()
    assert record.interruption == "fenced"


async def test_after_the_process_itself_stood_still_the_store_is_asked_before_anybody_is_fenced(
    workplace, store, keeper
) -> None:
    place = workplace(*HANDLERS)
    [record] = await begun(place, store, "work")
    place.clock.advance(12.5)  # suspended, and the lease still holds
    store.faults.delay("renew", 0.1)
    await keeper(place).tick()
    assert record.interruption is None
