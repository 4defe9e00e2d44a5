"""What the promises are tried with: jobs, claims, settlements, and short ways to get them."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from stoker.brokers.protocol import Broker
from stoker.jobs.ids import IdSource
from stoker.jobs.job import DEFAULT_QUEUE, Claim, Held, Job, JobDetail, NewJob, Run, Settlement
from stoker.jobs.operating import Counts
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State

LEASE = 30.0
"""Seconds; no test takes so long, so nothing but the offset ends a lease."""
SOON = 10.0
"""Seconds that a test waits for what should come at once, before it says that it did not."""
EPOCH = datetime(2027, 1, 1, tzinfo=UTC)
"""Some moment, where it does not matter which."""


def new_job(queue: str = DEFAULT_QUEUE, **changes: Any) -> NewJob:
    """A job of type "test" with an id of its own."""
    fields = {"id": IdSource().next(queue), "type": "test", "queue": queue, **changes}
    return NewJob(**fields)


def new_jobs(count: int, queue: str = DEFAULT_QUEUE, **changes: Any) -> list[NewJob]:
    """So many jobs, whose ids ascend."""
    ids = IdSource()
    return [new_job(queue, id=ids.next(queue), **changes) for _ in range(count)]


def new_token() -> str:
    return secrets.token_hex(16)


def ids_of(items: Sequence[NewJob | Claim | Job]) -> list[str]:
    return [item.id for item in items]


async def take(
    broker: Broker,
    limit: int = 100,
    *patterns: str,
    worker: str = "worker",
    token: str | None = None,
    lease: float = LEASE,
    lowest_first: bool = False,
) -> list[Claim]:
    """Claim out of the queues that fit these patterns, or out of all."""
    return await broker.claim(
        QueueSet.parse(patterns),
        limit,
        worker=worker,
        token=token or new_token(),
        lease=lease,
        lowest_first=lowest_first,
    )


async def start(broker: Broker, job: NewJob | None = None, *, worker: str = "worker") -> Claim:
    """Enqueue a job into an otherwise empty queue, and claim it."""
    job = job or new_job()
    await broker.enqueue([job])
    (claim,) = await take(broker, 1, job.queue, worker=worker)
    assert claim.id == job.id
    return claim


async def retake(broker: Broker, worker: str | None = None, *, limit: int = 100) -> list[Claim]:
    """Reclaim what has expired, or what this worker holds."""
    return await broker.reclaim(limit, token=new_token(), lease=LEASE, worker=worker)


async def promote_all(broker: Broker) -> None:
    while (await broker.promote(1000)).more:
        pass


def ending(claim: Claim, state: State = State.COMPLETED, **changes: Any) -> Settlement:
    """A settlement of this claim; its counts stay unless they are given."""
    fields = {
        "id": claim.id,
        "token": claim.token,
        "state": state,
        "attempts": claim.attempts,
        "crashes": claim.crashes,
        "solo_deaths": claim.solo_deaths,
        **changes,
    }
    return Settlement(**fields)


async def finish(broker: Broker, claim: Claim, state: State = State.COMPLETED, **changes: Any) -> None:
    """Settle a claim that stands."""
    assert await broker.settle([ending(claim, state, **changes)]) == ["accepted"]


def run_of(claim: Claim, **changes: Any) -> Run:
    """What is known of a claim's run."""
    return msgspec.structs.replace(Run(attempt=claim.attempts, started_at=claim.started_at), **changes)


def held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)


async def job_of(broker: Broker, id: str) -> Job:
    """The job, which must be there."""
    (job,) = await broker.get([id])
    assert job is not None, f"there is no job {id}"
    return job


async def detail_of(broker: Broker, id: str) -> JobDetail:
    """The job with what is kept beside it, which must be there."""
    detail = await broker.detail(id)
    assert detail is not None, f"there is no job {id}"
    return detail


async def state_of(broker: Broker, id: str) -> State:
    return (await job_of(broker, id)).state


async def counts_of(broker: Broker, queue: str = DEFAULT_QUEUE) -> Counts:
    """How many jobs a queue has; none at all if nobody has heard of it."""
    for info in await broker.queues():
        if info.counts.queue == queue:
            return info.counts
    return Counts(queue=queue)
