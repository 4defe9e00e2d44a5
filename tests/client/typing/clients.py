"""What type checkers must say of the clients. Lines marked `# E` must be refused, and no others."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, assert_type

import msgspec

from stoker.brokers import Broker
from stoker.client import Client, JobFilter, JobHandle, SyncClient, Unique
from stoker.client.sync_handle import SyncJobHandle
from stoker.handlers import Context, handler
from stoker.jobs.calls import Call, EnqueueOptions
from stoker.jobs.job import Job, JobDetail
from stoker.jobs.operating import Page, QueueInfo, TypeInfo, Worker


class Report(msgspec.Struct):
    rows: int


@handler("reports.generate")
async def generate(ctx: Context, kind: str, month: date | None = None) -> Report:
    return Report(1)


@handler("plain")
def plain(number: int = 0) -> list[int]:
    return [number]


def widened(job: JobHandle[Report]) -> JobHandle[object]:
    return job


def mistaken(job: JobHandle[str] | SyncJobHandle[str]) -> None: ...


async def enqueueing(stoker: Client, broker: Broker, connection: Any) -> None:
    job = await stoker.enqueue(generate.bind("monthly"))
    assert_type(job, JobHandle[Report])
    assert_type(job.id, str)
    assert_type(job.created, bool)
    assert_type(await job.result(timeout="30s"), Report)
    assert_type(await job.result(), Report)
    assert_type(await job.status(), Job)
    assert_type(await job.cancel("no"), Literal["cancelled", "requested", "final"])
    assert_type(await job.retry(), None)
    assert_type(await stoker.enqueue(plain.bind(3)), JobHandle[list[int]])

    named = await stoker.enqueue("reports.generate", {"kind": "monthly"}, returns=Report)
    assert_type(named, JobHandle[Report])
    assert_type(await named.result(5), Report)
    assert_type(await stoker.enqueue("plain", returns=list[int]), JobHandle[list[int]])
    assert_type(await stoker.enqueue("plain"), JobHandle[Any])
    assert_type(await stoker.enqueue("plain", {"number": 3}, delay="1h"), JobHandle[Any])

    call = generate.bind("monthly").options(priority=9)
    assert_type(call, Call[Report])
    assert_type(await stoker.enqueue(call, delay="1h"), JobHandle[Report])
    await stoker.enqueue(call, delay=timedelta(hours=1), queue="slow", priority=9, tags=["a"])
    await stoker.enqueue(call, at=datetime.now(UTC), expires=60, max_attempts=3, timeout=0.5)
    await stoker.enqueue(call, unique="key", id="an id", headers={"a": "b"})
    await stoker.enqueue(call, unique=Unique(by=["kind"], scope="waiting", on_conflict="error"))
    await stoker.enqueue("plain", unique=True, connection=connection, delay=None)
    assert_type(await stoker.enqueue(call, connection=connection), JobHandle[Report])

    same = await stoker.enqueue_many([generate.bind("a"), generate.bind("b").options(priority=9)])
    assert_type(same, list[JobHandle[Report]])
    mixed = await stoker.enqueue_many([generate.bind("a"), ("plain", {"number": 3})])
    assert_type(mixed, list[JobHandle[Any]])
    await stoker.enqueue_many(
        [("plain", {}), ("plain", {}, EnqueueOptions(queue="a"))], connection=connection
    )

    assert_type(stoker.handle("id", returns=Report), JobHandle[Report])
    assert_type(stoker.handle("id"), JobHandle[Any])

    await stoker.enqueue(generate)  # E
    await stoker.enqueue(generate, "monthly")  # E
    await stoker.enqueue(call, {"kind": "monthly"})  # E
    await stoker.enqueue(call, delay=[1])  # E
    await stoker.enqueue(call, priority="high")  # E
    await stoker.enqueue(call, colour="red")  # E
    await stoker.enqueue(call, unique=7)  # E
    await stoker.enqueue(call, at="2026-01-31")  # E
    await stoker.enqueue("plain", ["a"])  # E
    await stoker.enqueue("plain", {"a": 1}, wait=True)  # E
    await stoker.enqueue_many(["plain"])  # E
    await stoker.enqueue_many([("plain",)])  # E
    await stoker.enqueue_many([plain])  # E
    await job.result(timeout=[5])  # E
    mistaken(job)  # E
    Client(7)  # E
    Client(broker, max_payload="big")  # E


async def managing(stoker: Client) -> None:
    assert_type(await stoker.status("id"), Job)
    assert_type(await stoker.job("id"), JobDetail)
    assert_type(await stoker.jobs(), Page)
    assert_type(await stoker.jobs(JobFilter(states=["failed"]), limit=10, cursor=None), Page)
    assert_type(await stoker.cancel("id", reason="no"), Literal["cancelled", "requested", "final"])
    assert_type(await stoker.cancel(JobFilter(types=["a.*"], since="24h")), int)
    assert_type(await stoker.retry("id"), None)
    assert_type(await stoker.retry(JobFilter(finished_since=timedelta(days=1))), int)
    assert_type(await stoker.queues(), list[QueueInfo])
    assert_type(await stoker.workers(), list[Worker])
    assert_type(await stoker.types(), dict[str, TypeInfo])
    assert_type(await stoker.pause("a", reason="b", wait=True), None)
    assert_type(await stoker.resume("a"), bool)

    await stoker.cancel(["id"])  # E
    await stoker.retry(7)  # E
    await stoker.jobs({"states": ["failed"]})  # E
    await stoker.pause("a", "b", True)  # E
    JobFilter(["failed"])  # E
    JobFilter(states=7)  # E
    JobFilter(state="failed")  # E


async def entering(url: str) -> None:
    async with Client(url) as stoker:
        assert_type(stoker, Client)
    async with Client.from_config("config.yaml", create=True) as configured:
        assert_type(configured, Client)
    with SyncClient(url) as sync:
        assert_type(sync, SyncClient)
    assert_type(SyncClient.from_config(), SyncClient)
    assert_type(SyncClient.over(stoker, asyncio.get_running_loop()), SyncClient)


def without_await(stoker: SyncClient, broker: Broker, connection: Any) -> None:
    job = stoker.enqueue(generate.bind("monthly"), delay="1h", connection=connection)
    assert_type(job, SyncJobHandle[Report])
    assert_type(job.result(timeout="30s"), Report)
    assert_type(job.status(), Job)
    assert_type(job.cancel(), Literal["cancelled", "requested", "final"])
    assert_type(stoker.enqueue("plain", {"number": 3}, returns=list[int]), SyncJobHandle[list[int]])
    assert_type(stoker.enqueue("plain"), SyncJobHandle[Any])
    assert_type(stoker.enqueue_many([plain.bind(), plain.bind(2)]), list[SyncJobHandle[list[int]]])
    assert_type(stoker.enqueue_many([plain.bind(), ("plain", {})]), list[SyncJobHandle[Any]])
    assert_type(stoker.handle("id", returns=Report), SyncJobHandle[Report])
    assert_type(stoker.cancel("id"), Literal["cancelled", "requested", "final"])
    assert_type(stoker.cancel(JobFilter(queues=["a"])), int)
    assert_type(stoker.retry("id"), None)
    assert_type(stoker.retry(JobFilter(queues=["a"])), int)
    assert_type(stoker.jobs(), Page)
    assert_type(stoker.queues(), list[QueueInfo])
    assert_type(stoker.resume("a"), bool)
    stoker.close()

    stoker.enqueue(generate.bind("monthly"), colour="red")  # E
    stoker.enqueue(plain)  # E
    stoker.enqueue("plain", ["a"])  # E
    stoker.retry(7)  # E
    SyncClient(broker)  # E
    mistaken(job)  # E
