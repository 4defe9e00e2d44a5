"""Two brokers that are asked the same: the one that is tried, and the one in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from stoker.brokers.conformance.fixtures import Opening
from stoker.brokers.conformance.likeness import refuse_unlike
from stoker.brokers.instant import HostClock
from stoker.brokers.memory import MemoryBroker
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import NewJob
from stoker.jobs.operating import Query
from stoker.jobs.recurring import Recurring

T = TypeVar("T")
Verb = Callable[[Broker], Awaitable[T]]


class Pair:
    """Subject and oracle, both empty at first, for whom time passes alike."""

    def __init__(self, opening: Opening) -> None:
        self.offset = Offset()
        self.subject = opening(self.offset)
        self.oracle: Broker = MemoryBroker(clock=HostClock(self.offset))
        self._loop = asyncio.new_event_loop()
        for broker in (self.subject, self.oracle):
            self._loop.run_until_complete(broker.__aenter__())
        self._loop.run_until_complete(self.subject.migrate())

    def close(self) -> None:
        for broker in (self.subject, self.oracle):
            self._loop.run_until_complete(broker.__aexit__(None, None, None))
        self._loop.close()

    def both(self, verb: Verb[T]) -> T:
        """Ask both the same; gives the subject's answer, once it is like the oracle's."""
        subject, oracle = self.ask(self.subject, verb), self.ask(self.oracle, verb)
        refuse_unlike("the answer", subject, oracle)
        return subject

    def ask(self, broker: Broker, verb: Verb[T]) -> T:
        async def call() -> T:
            return await verb(broker)

        return self._loop.run_until_complete(call())


async def enqueued(broker: Broker, jobs: Sequence[NewJob]) -> Any:
    """The answers, or what is wrong."""
    try:
        return await broker.enqueue(jobs)
    except UniqueConflict as error:
        return f"the key is held by {error.holder}"


async def seen(broker: Broker, ids: Sequence[str], whole: Sequence[str]) -> list[Any]:
    """What observers see: these jobs, every queue, and of some jobs all that is kept with them."""
    details = [broker.detail(id) for id in whole]
    answers: list[Any] = await asyncio.gather(broker.get(ids), queues(broker), *details)
    return answers


async def queues(broker: Broker) -> list[Any]:
    """Of the pauses that fit a queue, a broker may name any."""
    infos = await broker.queues()
    return [(info.counts, info.oldest_ready, info.pause is None) for info in infos]


async def pauses(broker: Broker) -> dict[str, Any]:
    return {pause.pattern: pause for pause in await broker.pauses()}


async def listed(broker: Broker, query: Query, limit: int) -> dict[str, Any]:
    """The jobs of all pages; of those that were created at once, any may come first."""
    jobs: dict[str, Any] = {}
    times: list[datetime] = []
    cursor = None
    while True:
        page = await broker.find(query, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        for job in page.items:
            assert job.id not in jobs, f"{job.id} is listed twice"
            jobs[job.id] = job
            times.append(job.created_at)
        cursor = page.next_cursor
        if cursor is None:
            assert times == sorted(times, reverse=True), "the list is not sorted, newest first"
            return jobs


async def rows(broker: Broker, limit: int) -> list[Recurring]:
    """The recurring jobs of all pages."""
    found: list[Recurring] = []
    cursor = None
    while True:
        page = await broker.recurring(limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
