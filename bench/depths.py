"""What depth costs: claims out of a million jobs, beside the same out of ten thousand.

Beside each deep store there is a shallow one on the same server, with ten thousand jobs. The two are of
the same age, and claimed from in turn, so that they differ by their depth alone. What a turn takes out
is put in again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

import msgspec
from loads import DAY, Backlog, load
from meanwhile import leave_alone, open_enqueue, put_in_order, snapshot
from turns import Depth, Side, apart, in_turn, work_off

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.daemon.measuring.handlers import QUEUE
from stoker.daemon.measuring.stores import Store, Stores
from stoker.jobs.patterns import QueueSet

SMALL = "small"
QUEUES = tuple(f"queue-{number:04}" for number in range(1000))
NAMED = QUEUES[::100]
"""Those that a worker names who does not work on all of them."""
EVERY, ONE = QueueSet(), QueueSet((QUEUE,))
WITH_SQL = frozenset({"sqlite", "postgres"})


class Extent(msgspec.Struct, frozen=True):
    """How much is measured."""

    shallow: int = 10_000
    deep: int = 1_000_000
    turns: int = 300
    worked_off: int = 20_000
    """Jobs that are completed while a vacuum is held back, before claims are timed."""


QUICK = Extent(deep=100_000, turns=60, worked_off=5_000)


class Loaded(NamedTuple):
    """A store with its jobs in it."""

    store: Store
    broker: Broker


class Ground(NamedTuple):
    """Two stores to measure on, one shallow and one deep."""

    engine: str
    extent: Extent
    tell: Callable[[str], None]
    shallow: Loaded
    deep: Loaded

    async def compare(
        self,
        name: str,
        queues: QueueSet = ONE,
        *,
        as_they_are: bool = False,
        meanwhile: AbstractAsyncContextManager[None] | None = None,
    ) -> Depth:
        """Claims of these queues of the deep store, beside those of the shallow one.

        With `meanwhile` the shallow store is measured first, and the deep one within that.
        """
        self.tell(f"{self.engine}: {name}")
        if not as_they_are:
            await self.put_in_order()
        sides = Side(self.shallow.broker, ONE), Side(self.deep.broker, queues)
        if meanwhile is not None:
            return await apart(name, *sides, self.extent.turns, meanwhile)
        return await in_turn(name, *sides, self.extent.turns)

    async def put_in_order(self) -> None:
        for loaded in (self.shallow, self.deep):
            await put_in_order(self.engine, loaded.store)


async def depths(
    engine: str, stores: Stores, extent: Extent, *, tell: Callable[[str], None]
) -> list[Depth]:
    """All situations that there are on this engine."""
    pending = Backlog(extent.shallow)
    ready = Backlog(extent.shallow, priorities=tuple(range(9)))
    delayed = Backlog(extent.deep, priorities=(9,), delay=DAY)
    found: list[Depth] = []
    for shallow, deep, situations in (
        ([pending], [Backlog(extent.deep)], _pending),
        ([ready], [ready, delayed], _delayed),
        ([pending], [Backlog(extent.deep, QUEUES)], _many_queues),
    ):
        tell(f"{engine}: {extent.deep:,} jobs go in")
        async with _loaded(engine, stores, shallow) as one, _loaded(engine, stores, deep) as other:
            ground = Ground(engine, extent, tell, one, other)
            found += [depth async for depth in situations(ground)]
    return found


@asynccontextmanager
async def _loaded(engine: str, stores: Stores, backlogs: Sequence[Backlog]) -> AsyncIterator[Loaded]:
    async with stores.empty() as store, connect(store.url, create=True) as broker:
        leave_alone(engine, store)
        await load(broker, backlogs)
        yield Loaded(store, broker)


async def _pending(ground: Ground) -> AsyncIterator[Depth]:
    engine, (_, broker), extent = ground.engine, ground.deep, ground.extent
    many = f"{extent.deep:,} pending"
    yield await ground.compare(f"{many}, just loaded", as_they_are=True)
    yield await ground.compare(many)
    if engine == "postgres":
        # Its transaction has a number, so it keeps what dies in every database of the server.
        yield await ground.compare(
            f"{many}, an open transaction enqueues", meanwhile=open_enqueue(broker, ground.deep.store)
        )
    await load(broker, [Backlog(extent.shallow, (SMALL,))])
    yield await ground.compare(f"a small queue beside {many}", QueueSet((SMALL,)))
    if engine in WITH_SQL:
        await ground.put_in_order()
        async with snapshot(engine, ground.deep.store):
            await work_off(Side(broker, ONE), extent.worked_off)
            name = f"{many}, no vacuum since {extent.worked_off:,} jobs"
            yield await ground.compare(name, as_they_are=True)


async def _delayed(ground: Ground) -> AsyncIterator[Depth]:
    yield await ground.compare(f"{ground.extent.deep:,} delayed, of a higher priority")


async def _many_queues(ground: Ground) -> AsyncIterator[Depth]:
    queues = f"{len(QUEUES):,} queues"
    yield await ground.compare(f"{queues}, claimed by *", EVERY)
    yield await ground.compare(f"{queues}, of which {len(NAMED)} are named", QueueSet(NAMED))
    yield await ground.compare(f"{queues}, all of them named", QueueSet(QUEUES))
