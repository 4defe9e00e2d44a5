import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.listener import Listener
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import StoreBack, StoreLost
from stoker.jobs.operating import Wakeup
from stoker.jobs.patterns import QueueSet


class Ear:
    """Stands for a lane: hears hints."""

    def __init__(self, *patterns: str) -> None:
        self.queues = QueueSet.parse(patterns)
        self.heard = 0
        self._hinted = asyncio.Event()

    def hint(self) -> None:
        self.heard += 1
        self._hinted.set()

    async def hears(self, times: int) -> None:
        with anyio.fail_after(10):
            while self.heard < times:
                self._hinted.clear()
                await self._hinted.wait()


class Hints:
    """A broker that gives these hints, then waits; each list is one time of listening."""

    def __init__(self, *times: list[Wakeup | Exception]) -> None:
        self._times = list(times)
        self.over = asyncio.Event()

    async def wakeups(self) -> AsyncIterator[Wakeup]:
        for hint in self._times.pop(0) if self._times else []:
            if isinstance(hint, Exception):
                raise hint
            yield hint
        if not self._times:
            self.over.set()
            await asyncio.Event().wait()


@pytest.fixture
def listener(workplace, events) -> Callable[..., Listener]:
    def make(broker: Any, *lanes: Any, place: Any = None, renew_now: Any = lambda: None) -> Listener:
        place = place or workplace()
        return Listener(
            broker=broker,
            lanes=lanes,
            runs=place.runs,
            renew_now=renew_now,
            emit=events.emit,
            clock=place.clock,
        )

    return make


async def test_a_lane_is_hinted_when_one_of_its_queues_may_have_work(listener, at_work) -> None:
    mail, pdf, rest = Ear("mail"), Ear("pdf"), Ear("*", "!mail", "!pdf")
    hints = Hints([Wakeup("ready", ("mail", "lending")), Wakeup("ready", ("mail",))])
    async with at_work(listener(hints, mail, pdf, rest)):
        await hints.over.wait()
    assert (mail.heard, pdf.heard, rest.heard) == (2, 0, 1)


async def test_a_hint_of_any_queue_is_for_all_lanes(listener, at_work) -> None:
    mail, pdf = Ear("mail"), Ear("pdf")
    hints = Hints([Wakeup("ready"), Wakeup("pause")])
    async with at_work(listener(hints, mail, pdf)):
        await hints.over.wait()
    assert (mail.heard, pdf.heard) == (2, 2)


async def test_a_cancel_of_one_of_our_runs_renews_at_once(listener, at_work, workplace, claim) -> None:
    place, nudges = workplace(), []
    job = claim()
    place.runs.give_back([job], lane="lane:a", reason="a record is all we need")
    hints = Hints([Wakeup("cancel", ids=("another's",)), Wakeup("cancel", ids=(job.id, "another's"))])
    async with at_work(listener(hints, place=place, renew_now=lambda: nudges.append(1))):
        await hints.over.wait()
    assert len(nudges) == 1


async def test_a_cancel_of_whichever_runs_renews_at_once(listener, at_work) -> None:
    nudges: list[int] = []
    hints = Hints([Wakeup("cancel")])
    async with at_work(listener(hints, renew_now=lambda: nudges.append(1))):
        await hints.over.wait()
    assert len(nudges) == 1


async def test_settled_jobs_are_nobodys_business_here(listener, at_work) -> None:
    mail, nudges = Ear("*"), []
    hints = Hints([Wakeup("settled", ids=("a",))])
    async with at_work(listener(hints, mail, renew_now=lambda: nudges.append(1))):
        await hints.over.wait()
    assert (mail.heard, nudges) == (0, [])


async def test_after_an_outage_it_listens_again(listener, at_work, events, impatient) -> None:
    mail = Ear("mail")
    out = BrokerUnavailable("out")
    hints = Hints([Wakeup("ready"), out], [out], [Wakeup("ready")])
    async with at_work(listener(hints, mail)):
        await hints.over.wait()
    assert mail.heard == 2  # the first hint of each time makes every lane look
    assert [type(event) for event in events] == [StoreLost, StoreLost, StoreBack]


async def test_hints_that_end_by_themselves_are_asked_for_anew(listener, at_work, events) -> None:
    mail = Ear("mail")
    hints = Hints([Wakeup("ready")], [Wakeup("ready")])
    async with at_work(listener(hints, mail)):
        await hints.over.wait()
    assert (mail.heard, events) == (2, [])


async def test_an_enqueue_wakes_the_lane_through_a_real_broker(listener, at_work, store) -> None:
    mail, pdf = Ear("mail"), Ear("pdf")
    async with at_work(listener(store.broker, mail, pdf)):
        await mail.hears(1)
        before = pdf.heard
        await store.put(queue="mail")
        await mail.hears(2)
        assert pdf.heard == before
