"""Where queues ran dry, a claim takes whatever is ready, and gives way where more is to be minded."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import ids_of, new_job, new_jobs, take
from stoker.brokers.postgres.connections import Own
from stoker.brokers.postgres.statements import statements
from stoker.jobs.clock import Offset
from stoker.jobs.job import Enqueued, Holding

FEW, IN_ORDER = statements().claim_few, statements().claim


@pytest.fixture
def offset() -> Offset:
    return Offset()


@pytest.fixture
async def broker(postgres_url: str, offset: Offset) -> AsyncIterator[Broker]:
    """Its last claim of all queues brought nothing."""
    async with connect(postgres_url, offset=offset) as broker:
        await take(broker)
        yield broker


@pytest.fixture
def run(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of claims that run."""
    seen: list[str] = []
    rows = Own.rows

    async def watched(own: Own, statement: str, *values: object) -> Any:
        if statement in (FEW, IN_ORDER):
            seen.append(statement)
        return await rows(own, statement, *values)

    monkeypatch.setattr(Own, "rows", watched)
    return seen


async def test_what_comes_into_dry_queues_is_taken_by_the_short_statement(
    broker: Broker, run: list[str]
) -> None:
    jobs = [new_job("mail"), new_job("pdf", priority=9)]
    await broker.enqueue(jobs)
    assert sorted(ids_of(await take(broker))) == sorted(ids_of(jobs))
    assert await take(broker) == []
    assert run == [FEW, FEW]
    counts = {queue.counts.queue: queue.counts for queue in await broker.queues()}
    assert [(counts[name].ready, counts[name].running) for name in ("mail", "pdf")] == [(0, 1), (0, 1)]


async def test_more_than_are_asked_for_come_in_their_order(broker: Broker, run: list[str]) -> None:
    low, high, middle = (new_job(priority=priority) for priority in (1, 9, 5))
    await broker.enqueue([low, high, middle])
    assert {claim.id for claim in await take(broker, 2)} == {high.id, middle.id}
    assert run == [FEW, IN_ORDER]


async def test_after_a_claim_that_got_all_it_asked_for_order_is_minded_at_once(
    broker: Broker, run: list[str]
) -> None:
    await broker.enqueue(new_jobs(5))
    await take(broker, 2)
    await take(broker, 2)
    assert run == [FEW, IN_ORDER, IN_ORDER]


async def test_jobs_of_other_queues_stay(broker: Broker, run: list[str]) -> None:
    await take(broker, 100, "mail*", "!mail.big")
    mail, big, pdf = new_job("mail.one"), new_job("mail.big"), new_job("pdf")
    await broker.enqueue([mail, big, pdf])
    assert ids_of(await take(broker, 100, "mail*", "!mail.big")) == [mail.id]
    assert run == [IN_ORDER, FEW]


async def test_a_paused_queue_hands_out_nothing(broker: Broker, run: list[str]) -> None:
    mail, pdf = new_job("mail"), new_job("pdf")
    await broker.enqueue([mail, pdf])
    await broker.pause("pdf")
    assert ids_of(await take(broker)) == [mail.id]
    assert run == [FEW, IN_ORDER]


async def test_a_key_that_is_held_while_a_job_waits_is_given_back(broker: Broker) -> None:
    first, second = (new_job(unique=Holding("key", scope="waiting")) for _ in range(2))
    await broker.enqueue([first])
    assert ids_of(await take(broker)) == [first.id]
    assert await broker.enqueue([second]) == [Enqueued(second.id, True)]


async def test_a_job_that_comes_too_late_is_not_handed_out(broker: Broker, offset: Offset) -> None:
    late, job = new_job(expires=5.0), new_job()
    await broker.enqueue([late, job])
    offset.advance(10.0)
    assert ids_of(await take(broker)) == [job.id]
