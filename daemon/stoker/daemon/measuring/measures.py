"""What is measured, one function each: enqueueing, draining, the delay of a start."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stoker.brokers.connecting import connect
from stoker.client import Client
from stoker.daemon.beside import beside
from stoker.daemon.measuring.handlers import DATA, QUEUE, delay, noop
from stoker.daemon.measuring.stores import Store
from stoker.daemon.measuring.subject import Subject
from stoker.daemon.measuring.usage import Usage
from stoker.jobs.calls import Call
from stoker.jobs.clock import SystemClock

BULK = 1000
"""Jobs of one call, where many are enqueued at once."""
LOOK = 0.02
"""Seconds between looks at whether all jobs have ended."""
SERVER = "server"
LIMIT = 300.0
"""Seconds that all jobs of a measurement have for their end."""


class Enqueueing(msgspec.Struct, frozen=True):
    """Jobs per second that one producer enqueues."""

    singly: float
    """One after the other, each acknowledged before the next."""
    in_bulk: float
    """A thousand with each call."""


class Drain(msgspec.Struct, frozen=True):
    """A backlog, worked off."""

    jobs: int
    per_second: float
    """From the moment when the first may be claimed until the last is stored as completed."""
    cpu: Mapping[str, float]
    """Microseconds of processor time for a job, by thread of the daemon, and of the store's server as
    SERVER; without what is unknown."""
    after: Usage | None
    """The daemon at the end of it."""


class Delay(msgspec.Struct, frozen=True):
    """Milliseconds from a producer's call to `enqueue` until the handler runs, in another process.

    On an idle daemon, one job at a time. The durable write of the job is in it.
    """

    p50: float
    p95: float
    p99: float


async def enqueueing(store: Store, jobs: int) -> Enqueueing:
    """Enqueue so many jobs, twice, into a store that no daemon works on."""
    broker = connect(store.url, create=True)
    async with broker, Client(broker) as client:
        begin = time.perf_counter()
        for _ in range(jobs):
            await client.enqueue(noop.bind(DATA))
        between = time.perf_counter()
        await fill(client, noop.bind(DATA), jobs)
        return Enqueueing(jobs / (between - begin), jobs / (time.perf_counter() - between))


async def drain(subject: Subject, call: Call[Any], jobs: int) -> Drain:
    """Enqueue this so many times while the queue is paused, and let it go."""
    client = subject.client
    before = await _ended(subject)
    await client.pause(QUEUE, "measured: drain")
    await fill(client, call, jobs)
    first, served = subject.usage(), _served(subject)
    begin = time.perf_counter()
    await client.resume(QUEUE)
    await beside(_until_ended(subject, before + jobs), subject.daemon.watch())
    seconds = time.perf_counter() - begin
    last = subject.usage()
    cpu = _cpu(subject, first, last, jobs)
    if served is not None:
        cpu[SERVER] = 1e6 * ((_served(subject) or 0.0) - served) / jobs
    return Drain(jobs, jobs / seconds, cpu, last)


async def delays(subject: Subject, jobs: int, *, every: float = 0.01) -> Delay:
    """Enqueue a job each `every` seconds, into a queue that is empty otherwise."""
    client, elapsed = subject.client, SystemClock().elapsed
    await client.resume(QUEUE)
    handles = []
    for _ in range(jobs):
        handles.append(await client.enqueue(delay.bind(elapsed())))
        await asyncio.sleep(every)
    found = [await beside(one.result(timeout=LIMIT), subject.daemon.watch()) for one in handles]
    return _percentiles([1000 * one for one in found])


async def fill(client: Client, call: Call[Any], jobs: int) -> None:
    """Enqueue this so many times."""
    for start in range(0, jobs, BULK):
        await client.enqueue_many([call] * min(BULK, jobs - start))


def _percentiles(found: Sequence[float]) -> Delay:
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    return Delay(cuts[49], cuts[94], cuts[98])


async def _ended(subject: Subject) -> int:
    return sum(one.counts.completed for one in await subject.client.queues())


async def _until_ended(subject: Subject, jobs: int) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            if await _ended(subject) >= jobs:
                return
            await asyncio.sleep(LOOK)


def _served(subject: Subject) -> float | None:
    used = subject.store.used
    return None if used is None else used()


def _cpu(subject: Subject, first: Usage | None, last: Usage | None, jobs: int) -> dict[str, float]:
    """Microseconds for a job, by the name of the thread; threads of one name count together."""
    if first is None or last is None:
        return {}
    used: dict[str, float] = {}
    for number, seconds in last.cpu.items():
        name = subject.threads.get(number, "others")
        spent = 1e6 * (seconds - first.cpu.get(number, 0.0)) / jobs
        used[name] = used.get(name, 0.0) + spent
    return used
