import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.keeper import Deliver, Keeper, Renewing
from stoker.daemon.actors.keeper_thread import KeeperThread
from stoker.handlers import handler
from stoker.jobs.clock import SystemClock
from stoker.jobs.events import CancelDelivered, LeaseLost, StoreLost
from stoker.jobs.job import Renewal
from stoker.jobs.state import State


class Idle:
    """A watch that sees nothing."""

    async def run(self) -> None:
        await anyio.sleep_forever()


@handler("work")
async def work() -> None:
    await asyncio.Event().wait()


def living_threads() -> list[threading.Thread]:
    """The keepers' threads that do not end within a second."""
    threads = [thread for thread in threading.enumerate() if thread.name == "stoker-keeper"]
    for thread in threads:
        thread.join(1)
    return [thread for thread in threads if thread.is_alive()]


@pytest.fixture
def keeper_thread(store, events) -> Callable[..., KeeperThread]:
    def make(
        place: Any, *, every: float = 0.01, margin: float = 3.0, broker: Any = None
    ) -> KeeperThread:
        def make_keeper(own: Renewing, deliver: Deliver) -> Keeper:
            return Keeper(
                broker=own,
                runs=place.runs,
                lease=15.0,
                renew_every=every,
                margin=margin,
                deliver=deliver,
                emit=events.emit,
                clock=place.clock,
            )

        return KeeperThread(lambda: broker or store.broker, make_keeper, Idle())

    return make


async def test_it_renews_while_a_handler_blocks_the_loop(
    workplace, store, keeper_thread, at_work
) -> None:
    renewed = threading.Event()

    @handler("blocking")
    async def blocking() -> bool:
        before = store.faults.calls["renew"]

        def watch() -> None:
            while store.faults.calls["renew"] < before + 5:
                pass
            renewed.set()

        threading.Thread(target=watch, daemon=True).start()
        return renewed.wait(10)  # on the event loop

    place = workplace(blocking)
    await store.put("blocking")
    async with at_work(keeper_thread(place)):
        await store.faults.called("renew")
        place.begin(*await store.claim())
        [settlement] = await place.settlements()
    assert settlement.result == b"true"


async def test_it_tells_runs_on_their_own_loop(
    workplace, store, keeper_thread, at_work, events
) -> None:
    place = workplace(work)
    id = await store.put("work")
    async with at_work(keeper_thread(place)):
        place.begin(*await store.claim())
        told: list[int] = []
        interrupt = place.runs.interrupt
        place.runs.interrupt = lambda *args: (told.append(threading.get_ident()), interrupt(*args))
        await store.broker.cancel([id], "not needed")
        await events.happens(CancelDelivered)
        [settlement] = await place.settlements()
    assert settlement.state is State.CANCELLED
    assert told == [threading.get_ident()]


async def test_it_can_be_nudged_from_the_loop(workplace, store, keeper_thread, at_work) -> None:
    one = keeper_thread(workplace(), every=1000.0)
    async with at_work(one):
        await store.faults.called("renew", 1)
        one.renew_now()
        await store.faults.called("renew", 2)


async def test_its_thread_ends_when_it_is_stopped(workplace, keeper_thread, at_work) -> None:
    one = keeper_thread(workplace())
    async with at_work(one):
        assert "stoker-keeper" in [thread.name for thread in threading.enumerate()]
    assert living_threads() == []
    assert not one.renewing
    one.renew_now()  # whoever still listens to hints does no harm


async def test_its_thread_ends_when_it_is_stopped_before_it_is_up(workplace, keeper_thread) -> None:
    task = asyncio.ensure_future(keeper_thread(workplace()).run(task_status=anyio.TASK_STATUS_IGNORED))
    await asyncio.sleep(0)
    task.cancel()
    with anyio.fail_after(10), pytest.raises(asyncio.CancelledError):
        await task
    assert living_threads() == []


async def test_its_thread_ends_with_the_loop_of_the_runs(workplace, keeper_thread) -> None:
    one = keeper_thread(workplace())

    async def leave_without_a_word() -> None:
        up = asyncio.Event()

        class Status:
            def started(self, value: None = None) -> None:
                up.set()

        task = asyncio.ensure_future(one.run(task_status=Status()))
        await up.wait()
        assert not task.done()

    with anyio.fail_after(10):
        await asyncio.to_thread(asyncio.run, leave_without_a_word())
    assert living_threads() == []


async def test_it_can_be_run_again(workplace, store, keeper_thread, at_work) -> None:
    one = keeper_thread(workplace(), every=1000.0)
    for times in (1, 2):
        async with at_work(one):
            await store.faults.called("renew", times)


async def test_a_fall_in_the_thread_is_the_actors_fall(workplace, keeper_thread) -> None:
    class Broken:
        async def __aenter__(self) -> Any:
            return self

        async def __aexit__(self, *args: Any) -> None: ...

        async def renew(self, held: Any, lease: float) -> Any:
            raise ZeroDivisionError("no lease")

    one = keeper_thread(workplace(), broker=Broken())
    with anyio.fail_after(10), pytest.raises(ExceptionGroup) as raised:
        await one.run(task_status=anyio.TASK_STATUS_IGNORED)
    assert raised.group_contains(ZeroDivisionError)
    assert living_threads() == []


async def test_a_store_that_is_out_when_it_starts_is_no_fall(
    workplace, store, keeper_thread, at_work, impatient
) -> None:
    store.faults.fail("enter", times=3)
    one = keeper_thread(workplace())
    async with at_work(one):
        await store.faults.called("enter", 4)
        await store.faults.called("renew", 1)


async def test_it_cannot_renew_before_it_is_connected(
    workplace, store, keeper_thread, at_work, events
) -> None:
    store.faults.fail("enter")
    one = keeper_thread(workplace())
    async with at_work(one):
        await events.happens(StoreLost)
        assert not one.renewing


async def test_it_fences_although_it_was_never_connected(
    workplace, store, keeper_thread, at_work, events
) -> None:
    place = workplace(work, clock=SystemClock())
    await store.put("work")
    [record] = place.begin(*await store.claim())
    record.safe_until = place.clock.elapsed() + 0.1
    store.faults.fail("enter")
    async with at_work(keeper_thread(place)):
        await events.happens(LeaseLost)
        [settlement] = await place.settlements()
    assert settlement.run.error == "its lease could not be renewed in time"


async def test_a_connection_that_hangs_does_not_keep_it_from_ending(
    workplace, store, keeper_thread, at_work
) -> None:
    store.faults.hang("enter")
    async with at_work(keeper_thread(workplace(), margin=0.05)):
        await store.faults.called("enter")
    assert living_threads() == []


async def test_a_connection_that_takes_long_is_made_once(
    workplace, store, keeper_thread, at_work, events, impatient
) -> None:
    store.faults.hang("enter", times=1)
    async with at_work(keeper_thread(workplace(), margin=0.05)):
        await events.happens(StoreLost, times=3)
        store.faults.heal("enter")
        await store.faults.called("renew")
    assert store.faults.calls["enter"] == 2  # the first is the test's own


async def test_its_broker_is_left_in_order(workplace, keeper_thread, at_work) -> None:
    said: list[str] = []
    entered = threading.Event()

    class Own:
        async def __aenter__(self) -> Any:
            said.append("entered")
            entered.set()
            return self

        async def __aexit__(self, *args: Any) -> None:
            await asyncio.sleep(0)
            said.append(f"left with {args[0]}")

        async def renew(self, held: Any, lease: float) -> Any:
            return Renewal()

    async with at_work(keeper_thread(workplace(), broker=Own())):
        await asyncio.to_thread(entered.wait, 10)
    assert said == ["entered", "left with None"]
