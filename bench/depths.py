"""What depth costs: claims out of a million jobs, beside the same out of ten thousand.

Each situation has a second store beside it, on the same server, with ten thousand pending jobs, and is
measured in turn with that. What a turn takes out of a store is put in again, so the depths stay.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from loads import DAY, Backlog, load
from meanwhile import analyze, keep_autovacuum_away, open_enqueue, snapshot
from turns import Depth, Side, in_turn, work_off

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.daemon.measuring.handlers import QUEUE
from stoker.daemon.measuring.stores import Store, Stores
from stoker.jobs.patterns import QueueSet

SMALL = "small"
QUEUES = tuple(f"queue-{number:04}" for number in range(1000))
NAMED = QUEUES[::100]
"""Those that a worker names who does not work on all of them."""
EVERY = QueueSet()
WITH_SQL = frozenset({"sqlite", "postgres"})


class Extent(msgspec.Struct, frozen=True):
    """How much is measured."""

    shallow: int = 10_000
    deep: int = 1_000_000
    turns: int = 150
    worked_off: int = 20_000
    """Jobs that are completed while a vacuum is held back, before claims are timed."""


QUICK = Extent(deep=100_000, turns=60, worked_off=5_000)


class Deep(NamedTuple):
    """A store with a backlog, and what is needed to measure on it."""

    engine: str
    stores: Stores
    extent: Extent
    tell: Callable[[str], None]
    store: Store
    broker: Broker

    async def beside(self, name: str, queues: QueueSet, shallow: Backlog | None = None) -> Depth:
        """Claims of these queues, in turn with claims out of ten thousand jobs."""
        self.tell(f"{self.engine}: {name}")
        backlog = shallow or Backlog(self.extent.shallow)
        async with _loaded(self.engine, self.stores, [backlog]) as (store, broker):
            analyze(self.engine, store)
            other = Side(broker, QueueSet(backlog.queues))
            return await in_turn(name, other, Side(self.broker, queues), self.extent.turns)


async def depths(
    engine: str, stores: Stores, extent: Extent, *, tell: Callable[[str], None]
) -> list[Depth]:
    """All situations that there are on this engine."""
    ready = Backlog(extent.shallow, priorities=tuple(range(9)))
    delayed = Backlog(extent.deep, priorities=(9,), delay=DAY)
    found: list[Depth] = []
    for backlogs, situations in (
        ([Backlog(extent.deep)], _pending),
        ([ready, delayed], _delayed),
        ([Backlog(extent.deep, QUEUES)], _many_queues),
    ):
        tell(f"{engine}: {extent.deep:,} jobs go in")
        async with _loaded(engine, stores, backlogs) as (store, broker):
            deep = Deep(engine, stores, extent, tell, store, broker)
            found += [depth async for depth in situations(deep)]
    return found


@asynccontextmanager
async def _loaded(
    engine: str, stores: Stores, backlogs: Sequence[Backlog]
) -> AsyncIterator[tuple[Store, Broker]]:
    async with stores.empty() as store, connect(store.url, create=True) as broker:
        keep_autovacuum_away(engine, store)
        await load(broker, backlogs)
        yield store, broker


async def _pending(deep: Deep) -> AsyncIterator[Depth]:
    queue, many = QueueSet((QUEUE,)), f"{deep.extent.deep:,} pending"
    yield await deep.beside(f"{many}, just loaded", queue)
    if deep.engine in WITH_SQL:
        analyze(deep.engine, deep.store)
        yield await deep.beside(f"{many}, analyzed", queue)
    if deep.engine == "postgres":
        async with open_enqueue(deep.broker, deep.store):
            yield await deep.beside(f"{many}, beside an open transaction that enqueues", queue)
    await load(deep.broker, [Backlog(deep.extent.shallow, (SMALL,))])
    small = QueueSet((SMALL,))
    yield await deep.beside(
        f"a small queue beside {many}", small, Backlog(deep.extent.shallow, (SMALL,))
    )
    if deep.engine in WITH_SQL:
        async with snapshot(deep.engine, deep.store):
            await work_off(Side(deep.broker, queue), deep.extent.worked_off)
            yield await deep.beside(f"{many}, no vacuum since {deep.extent.worked_off:,} jobs", queue)


async def _delayed(deep: Deep) -> AsyncIterator[Depth]:
    ready = Backlog(deep.extent.shallow, priorities=tuple(range(9)))
    name = f"{deep.extent.deep:,} delayed, of a higher priority"
    yield await deep.beside(name, QueueSet((QUEUE,)), ready)


async def _many_queues(deep: Deep) -> AsyncIterator[Depth]:
    queues = f"{len(QUEUES):,} queues"
    yield await deep.beside(f"{queues}, claimed by *", EVERY)
    yield await deep.beside(f"{queues}, of which {len(NAMED)} are named", QueueSet(NAMED))
    yield await deep.beside(f"{queues}, all of them named", QueueSet(QUEUES))
