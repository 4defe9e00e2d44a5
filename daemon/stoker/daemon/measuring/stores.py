"""Where the daemons that are measured keep their jobs: stores with nothing in them."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from stoker.brokers.connecting import connect, without_password
from stoker.brokers.protocol import Broker
from stoker.client import Client, JobFilter
from stoker.daemon.measuring.handlers import QUEUE
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.operating import Keep, QueueInfo
from stoker.jobs.state import FINAL

PRUNED_AT_ONCE = 1000
_NONE_KEPT = dict.fromkeys(FINAL, Keep(count=0))


class Store(msgspec.Struct, frozen=True):
    """One, ready to be used."""

    url: str
    used: Callable[[], float] | None = None
    """Seconds of processor time that its server has taken so far, where somebody can tell."""


class Stores(Protocol):
    """Where measures get theirs, one after the other."""

    def empty(self) -> AbstractAsyncContextManager[Store]:
        """A store without jobs; what is left in it does not meet whoever asks next."""
        ...


class Files:
    """SQLite databases within a folder, which its owner removes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Store]:
        folder = self._folder / f"store-{next(self._numbers)}"
        folder.mkdir()
        yield Store(f"sqlite:///{folder / 'stoker.db'}")


class Given:
    """The one store behind a URL, which is shared by all measures."""

    def __init__(self, url: str, broker: Broker) -> None:
        self._url = url
        self._broker = broker

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Store]:
        yield Store(self._url)
        # What has run is in nobody's way; what waits would be run first.
        await Client(self._broker).cancel(JobFilter(queues=[QUEUE]))


@asynccontextmanager
async def given(url: str) -> AsyncIterator[Given]:
    """The store behind this URL; at the end no job is left in it.

    Raises BrokerRefused if it has jobs, or daemons that would work on those of the measures.
    """
    async with connect(url, create=True) as broker:
        await _refuse_used(broker, without_password(url))
        try:
            yield Given(url, broker)
        finally:
            while await broker.prune(_NONE_KEPT, PRUNED_AT_ONCE):
                pass


async def _refuse_used(broker: Broker, shown: str) -> None:
    for queue in await broker.queues():
        if jobs := _jobs(queue):
            raise BrokerRefused(
                f"{shown} has jobs ({jobs:,} in queue {queue.counts.queue!r}): what is measured needs "
                "a store of its own, with none in it"
            )
    for worker in await broker.workers():
        raise BrokerRefused(
            f"{shown} has a daemon ({worker.name}), which would run the jobs that are measured: give a "
            "store of its own"
        )


def _jobs(queue: QueueInfo) -> int:
    """Those whose records are there, in whatever state."""
    counts = queue.counts
    waiting = counts.ready + counts.delayed + counts.running + counts.retrying
    return waiting + counts.completed + counts.failed + counts.cancelled + counts.skipped
