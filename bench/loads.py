"""Backlogs to measure on: made here, and put in through the broker, a thousand jobs with each call."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from stoker.brokers.protocol import Broker
from stoker.daemon.measuring.handlers import DATA, QUEUE
from stoker.daemon.measuring.measures import BULK
from stoker.jobs.ids import IdSource
from stoker.jobs.job import NewJob

AT_ONCE = 4
"""Calls that are on their way together."""
TYPE = "bench.noop"
PAYLOAD = msgspec.json.encode({"data": DATA})
DAY = 86_400.0


class Backlog(msgspec.Struct, frozen=True):
    """So many jobs of one kind."""

    jobs: int
    queues: tuple[str, ...] = (QUEUE,)
    """Each gets as many of them as the others, one after the other."""
    priorities: tuple[int, ...] = (5,)
    """Of each job the next of these."""
    delay: float = 0.0
    """Seconds."""


def jobs_of(backlog: Backlog) -> Iterator[NewJob]:
    """Its jobs, made one by one: a million of them need no room."""
    ids = IdSource()
    for queue in backlog.queues:
        for number in range(backlog.jobs // len(backlog.queues)):
            yield NewJob(
                id=ids.next(queue),
                type=TYPE,
                queue=queue,
                priority=backlog.priorities[number % len(backlog.priorities)],
                payload=PAYLOAD,
                delay=backlog.delay,
            )


def batches(jobs: Iterable[NewJob], size: int) -> Iterator[list[NewJob]]:
    """So many at a time, and what is left at last."""
    rest = iter(jobs)
    while batch := list(islice(rest, size)):
        yield batch


async def load(broker: Broker, backlogs: Sequence[Backlog]) -> None:
    """Put all of these jobs in, backlog by backlog."""
    for backlog in backlogs:
        left = batches(jobs_of(backlog), BULK)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(_enqueue(broker, left))


async def _enqueue(broker: Broker, left: Iterator[list[NewJob]]) -> None:
    for batch in left:
        await broker.enqueue(batch)
