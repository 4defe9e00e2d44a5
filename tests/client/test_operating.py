import asyncio
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from stoker.brokers import Broker
from stoker.client import Client, JobFilter
from stoker.client import operating as acting
from stoker.jobs.clock import Offset
from stoker.jobs.errors import InvalidFilter, JobNotFound, NotRetryable
from stoker.jobs.ids import derived_id
from stoker.jobs.operating import CancelAnswer, RetryAnswer
from stoker.jobs.outcome import Done, Raised
from stoker.jobs.state import State

from .conftest import Worker, generate, plain

UNKNOWN = derived_id("default", "nobody", 1_800_000_000)
FAILURE = Raised("ValueError: no", for_good=True)


async def states(client: Client) -> dict[State, int]:
    found: dict[State, int] = {}
    for job in (await client.jobs(limit=1000)).items:
        found[job.state] = found.get(job.state, 0) + 1
    return found


async def fail(client: Client, worker: Worker, count: int) -> None:
    await client.enqueue_many([plain.bind(number) for number in range(count)])
    for claim in await worker.claim(count):
        await worker.end(claim, FAILURE)


# One job


async def test_cancelling_says_what_became_of_the_job(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    assert await client.cancel(handle.id, reason="not needed") == "cancelled"
    assert (await handle.status()).reason == "not needed"
    assert await client.cancel(handle.id) == "final"
    running = await client.enqueue(plain.bind())
    await worker.claim()
    assert await client.cancel(running.id, "stop") == "requested"
    assert (await running.status()).cancel_requested


async def test_what_is_not_there_can_be_neither_cancelled_nor_retried(client: Client) -> None:
    for id in (UNKNOWN, "42"):
        with pytest.raises(JobNotFound, match="there is no job"):
            await client.cancel(id)
        with pytest.raises(JobNotFound, match="there is no job"):
            await client.retry(id)


async def test_an_ended_job_is_retried_under_its_id(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    await worker.run(FAILURE)
    await client.retry(handle.id)
    assert (await handle.status()).state is State.PENDING
    await worker.run(Done(b"7"))
    assert await handle.result() == 7
    await client.retry(handle.id)  # a completed one too
    assert (await handle.status()).state is State.PENDING


async def test_a_job_that_has_not_ended_is_not_retried(client: Client) -> None:
    handle = await client.enqueue(plain.bind())
    with pytest.raises(NotRetryable, match=f"job {handle.id} has not ended"):
        await client.retry(handle.id)


async def test_a_job_whose_key_is_taken_is_not_retried_and_the_holder_is_named(
    client: Client, worker: Worker
) -> None:
    first = await client.enqueue(plain.bind(), unique="k")
    await worker.run(FAILURE)
    second = await client.enqueue(plain.bind(), unique="k")
    with pytest.raises(NotRetryable, match=f"{first.id} cannot be retried: job {second.id} holds its"):
        await client.retry(first.id)


# All of a filter


async def test_all_that_fit_are_cancelled_and_the_others_are_not(
    client: Client, worker: Worker
) -> None:
    await client.enqueue(generate.bind("a"))
    await worker.claim()
    await client.enqueue_many([plain.bind(number) for number in range(3)])
    assert await client.cancel(JobFilter(types=["pl*"]), reason="no") == 3
    assert await states(client) == {State.CANCELLED: 3, State.RUNNING: 1}
    assert await client.cancel(JobFilter(states=["running"])) == 1
    assert await client.cancel(JobFilter(states=["failed", "cancelled"])) == 0
    [job] = (await client.jobs(JobFilter(states="running"))).items
    assert job.cancel_requested


async def test_all_that_fit_are_retried(client: Client, worker: Worker, offset: Offset) -> None:
    await fail(client, worker, 4)
    done = await client.enqueue(plain.bind())
    await worker.run()
    await client.enqueue(plain.bind(), delay="1h")
    assert await client.retry(JobFilter(states=["failed"], finished_since="24h")) == 4
    assert await states(client) == {State.PENDING: 5, State.COMPLETED: 1}
    assert await client.retry(JobFilter(queues=["default"])) == 1
    assert (await done.status()).state is State.PENDING


async def test_those_whose_key_is_taken_are_left_out_of_the_count(
    client: Client, worker: Worker
) -> None:
    await client.enqueue(plain.bind(), unique="k")
    await worker.run(FAILURE)
    await fail(client, worker, 2)
    await client.enqueue(plain.bind(), unique="k")
    assert await client.retry(JobFilter(states=["failed"])) == 2
    assert await states(client) == {State.PENDING: 3, State.FAILED: 1}


async def test_an_empty_filter_is_refused(client: Client) -> None:
    await client.enqueue(plain.bind())
    for act in (client.cancel, client.retry):
        with pytest.raises(InvalidFilter, match="the filter is empty and would mean every job"):
            await act(JobFilter())
    assert await states(client) == {State.PENDING: 1}


async def test_a_filter_is_worked_through_in_pages(
    client: Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "PAGE", 7)
    await client.enqueue_many([plain.bind(number) for number in range(30)])
    assert await client.cancel(JobFilter(types=["plain"])) == 30
    assert await client.retry(JobFilter(types=["plain"])) == 30
    assert await states(client) == {State.PENDING: 30}


class Restless:
    """A broker whose jobs match again as soon as they have been acted upon, and beget new ones."""

    def __init__(self, broker: Broker, worker: Worker) -> None:
        self._broker = broker
        self._worker = worker
        self.acted: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def retry(self, ids: Sequence[str]) -> list[RetryAnswer]:
        answers = await self._broker.retry(ids)
        await self._again(ids)
        for claim in await self._worker.claim(1000):
            await self._worker.end(claim, FAILURE)
        return answers

    async def cancel(self, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
        answers = await self._broker.cancel(ids, reason)
        await self._broker.retry(ids)
        await self._again(ids)
        return answers

    async def _again(self, ids: Sequence[str]) -> None:
        self.acted += ids
        async with Client(self._broker) as client:
            await client.enqueue_many([plain.bind() for _ in ids])


async def test_jobs_that_match_again_are_not_met_again(
    client: Client, broker: Broker, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "PAGE", 3)
    await fail(client, worker, 10)
    restless: Any = Restless(broker, worker)
    async with Client(restless) as over:
        with anyio.fail_after(10):
            assert await over.retry(JobFilter(states=["failed"])) == 10
            assert len(restless.acted) == len(set(restless.acted)) == 10
            await broker.retry([job.id for job in (await client.jobs(limit=1000)).items])
            restless.acted.clear()
            assert await over.cancel(JobFilter(states=["pending"])) == 20
            assert len(restless.acted) == len(set(restless.acted)) == 20


# Looking


async def test_jobs_are_listed_in_pages_newest_first(client: Client) -> None:
    handles = await client.enqueue_many([plain.bind(number) for number in range(5)])
    first = await client.jobs(limit=3)
    second = await client.jobs(limit=3, cursor=first.next_cursor)
    assert [job.id for job in (*first.items, *second.items)] == [one.id for one in reversed(handles)]
    assert second.next_cursor is None


@pytest.mark.parametrize("limit", [0, -1, 1001, None, "5", 1.5, True])
async def test_a_page_has_a_sensible_size(client: Client, limit: Any) -> None:
    with pytest.raises(InvalidFilter, match="limit lies between 1 and 1,000, not"):
        await client.jobs(limit=limit)


async def test_a_cursor_that_no_page_gave_is_refused(client: Client) -> None:
    with pytest.raises(InvalidFilter, match="cursor 'abc' is not one that a page has given"):
        await client.jobs(cursor="abc")


# Queues


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(
    client: Client, worker: Worker
) -> None:
    await client.pause("rep*", reason="migration")
    handle = await client.enqueue(generate.bind("a"))
    assert await worker.claim() == []
    [queue] = await client.queues()
    assert queue.pause is not None
    assert (queue.pause.pattern, queue.pause.reason) == ("rep*", "migration")
    assert await client.resume("rep*") is True
    assert await client.resume("rep*") is False
    assert [claim.id for claim in await worker.claim()] == [handle.id]


async def test_a_pause_can_wait_until_nothing_runs_there(client: Client, worker: Worker) -> None:
    await client.enqueue(plain.bind())
    await client.enqueue(generate.bind("a"))
    claims = await worker.claim(2)
    mine, other = sorted(claims, key=lambda claim: claim.queue == "reports")[::-1]
    with anyio.fail_after(10):
        pausing = asyncio.ensure_future(client.pause("reports", wait=True))
        while not [queue for queue in await client.queues() if queue.pause]:
            pass
        assert not pausing.done()
        await worker.end(mine, Done())
        await pausing
    await worker.end(other, Done())


@pytest.mark.parametrize("pattern", ["", "a b", "!reports", "\ud800", None, 7])
async def test_what_is_no_pattern_of_queues_is_refused(client: Client, pattern: Any) -> None:
    for act in (client.pause, client.resume):
        with pytest.raises(InvalidFilter, match="is no queue, and no pattern of queues"):
            await act(pattern)
