from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from stoker.brokers import Broker
from stoker.client import Client, JobHandle
from stoker.jobs.calls import EnqueueOptions
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable, InvalidJob, UniqueConflict
from stoker.jobs.ids import derived_id, is_of_queue
from stoker.jobs.job import Enqueued, Job, NewJob
from stoker.jobs.operating import Counts
from stoker.jobs.state import State

from .conftest import Report, Worker, generate, once, payload_of, plain


async def test_a_bound_call_becomes_a_job_as_its_handler_says(client: Client) -> None:
    handle = await client.enqueue(generate.bind("monthly", date(2026, 1, 31)))
    job = await handle.status()
    assert handle.created
    assert (job.id, job.type, job.queue, job.priority) == (handle.id, "reports.generate", "reports", 7)
    assert (job.max_attempts, job.timeout, job.tags) == (3, 600.0, ("report",))
    assert job.expires_at == job.created_at + timedelta(days=1)
    assert payload_of(job) == {"kind": "monthly", "month": "2026-01-31"}
    assert (job.state, job.scheduled_at) == (State.PENDING, job.created_at)


async def test_a_name_with_arguments_becomes_the_same_job_as_the_call(
    client: Client, published: None
) -> None:
    by_call = await (await client.enqueue(generate.bind("monthly", date(2026, 1, 31)))).status()
    named = await client.enqueue("reports.generate", {"kind": "monthly", "month": date(2026, 1, 31)})
    by_name = await named.status()
    for field in ("type", "queue", "priority", "payload", "max_attempts", "timeout", "tags"):
        assert getattr(by_name, field) == getattr(by_call, field), field
    assert by_name.expires_at is not None


async def test_a_type_that_nobody_published_is_as_the_system_says(client: Client) -> None:
    job = await (await client.enqueue("who.knows", {"a": [1, None]})).status()
    assert (job.queue, job.priority, job.max_attempts, job.timeout) == ("default", 5, 6, None)
    assert payload_of(job) == {"a": [1, None]}


async def test_a_name_needs_no_arguments(client: Client, published: None) -> None:
    assert payload_of(await (await client.enqueue("plain")).status()) == {}


@pytest.mark.parametrize("named", [False, True])
async def test_what_is_given_to_enqueue_goes_over_everything(
    client: Client, published: None, named: bool
) -> None:
    options: dict[str, Any] = {
        "queue": "slow",
        "priority": 0,
        "tags": ["a", "b"],
        "max_attempts": 9,
        "timeout": timedelta(seconds=5),
        "expires": 60,
        "headers": {"traceparent": "00-1"},
    }
    handle: JobHandle[Any] = (
        await client.enqueue("reports.generate", {"kind": "a"}, **options)
        if named
        else await client.enqueue(generate.bind("a").options(priority=9, queue="fast"), **options)
    )
    job = await handle.status()
    assert (job.queue, job.priority, job.tags) == ("slow", 0, ("a", "b"))
    assert (job.max_attempts, job.timeout) == (9, 5.0)
    assert job.expires_at == job.created_at + timedelta(seconds=60)
    assert is_of_queue(job.id, "slow")


async def test_options_of_the_call_go_over_those_of_the_handler(client: Client) -> None:
    call = generate.bind("a").options(priority=9, tags=[], timeout="1m")
    job = await (await client.enqueue(call, timeout="2m")).status()
    assert (job.priority, job.tags, job.timeout, job.queue) == (9, (), 120.0, "reports")


async def test_headers_travel_with_the_job(client: Client, worker: Worker) -> None:
    await client.enqueue(plain.bind(), headers={"traceparent": "00-1"})
    assert (await worker.run()).headers == {"traceparent": "00-1"}


@pytest.mark.parametrize("delay", ["1h", 3600, 3600.0, timedelta(hours=1)])
async def test_a_delayed_job_waits_for_its_time(
    client: Client, worker: Worker, offset: Offset, delay: Any
) -> None:
    job = await (await client.enqueue(plain.bind(), delay=delay)).status()
    assert job.scheduled_at == job.created_at + timedelta(hours=1)
    assert await worker.claim() == []
    offset.advance(3601)
    assert [claim.id for claim in await worker.claim()] == [job.id]


async def test_a_job_may_be_given_a_time(client: Client, worker: Worker) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    job = await (await client.enqueue(plain.bind(), at=at)).status()
    assert abs(job.scheduled_at - at) < timedelta(milliseconds=1)
    assert await worker.claim() == []


async def test_a_time_of_enqueue_takes_the_place_of_the_calls(client: Client) -> None:
    at = datetime(2100, 1, 1, tzinfo=UTC)
    call = plain.bind().options(at=at)
    job = await (await client.enqueue(call, delay="1h")).status()
    assert job.scheduled_at == job.created_at + timedelta(hours=1)


async def test_a_job_enqueued_twice_with_one_id_is_one_job(client: Client) -> None:
    id = derived_id("reports", "order 7", 1_800_000_000)
    first = await client.enqueue(generate.bind("a"), id=id)
    second = await client.enqueue(generate.bind("b"), id=id)
    assert (first.id, first.created, second.id, second.created) == (id, True, id, False)
    assert payload_of(await first.status()) == {"kind": "a"}


async def test_calls_calls_with_options_and_names_go_in_together(
    client: Client, published: None
) -> None:
    handles = await client.enqueue_many(
        [
            generate.bind("a"),
            generate.bind("b").options(priority=9),
            ("reports.generate", {"kind": "c"}),
            ("plain", {}, EnqueueOptions(queue="slow")),
        ]
    )
    jobs = [await handle.status() for handle in handles]
    assert [payload_of(job).get("kind") for job in jobs] == ["a", "b", "c", None]
    assert [job.priority for job in jobs] == [7, 9, 7, 5]
    assert [job.queue for job in jobs] == ["reports", "reports", "reports", "slow"]
    assert all(handle.created for handle in handles)
    assert [job.id for job in jobs[:3]] == sorted(job.id for job in jobs[:3])


async def test_enqueueing_nothing_asks_nobody() -> None:
    counting: Any = Counting()
    async with Client(counting) as client:
        assert await client.enqueue_many([]) == []
    assert counting.calls == []


async def test_many_jobs_are_one_call_to_the_broker() -> None:
    counting: Any = Counting()
    async with Client(counting) as client:
        await client.enqueue_many([plain.bind(number) for number in range(50)])
    assert counting.calls == [50]


async def test_of_many_jobs_none_is_written_if_one_is_wrong(client: Client, published: None) -> None:
    with pytest.raises(InvalidJob, match=r"^job 2: reports\.generate: priority must lie between 0"):
        await client.enqueue_many([plain.bind(), generate.bind("a").options(priority=10), plain.bind()])
    with pytest.raises(InvalidJob, match=r"^job 3: plain: parameter 'number' expected int, got 'x'$"):
        await client.enqueue_many([plain.bind(), generate.bind("a"), ("plain", {"number": "x"})])
    assert await enqueued(client) == 0


async def test_of_many_jobs_none_is_written_if_one_meets_a_holder(client: Client) -> None:
    await client.enqueue(once.bind(1))
    with pytest.raises(UniqueConflict):
        await client.enqueue_many([plain.bind(), once.bind(1)])
    assert await enqueued(client) == 1


async def enqueued(client: Client) -> int:
    return sum(queue.counts.total for queue in await client.queues())


class Counting:
    """A broker that writes down how many jobs come at once."""

    capabilities = frozenset[str]()

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")

    async def enqueue(self, jobs: list[NewJob]) -> list[Enqueued]:
        self.calls.append(len(jobs))
        return [Enqueued(job.id, True) for job in jobs]


class Flaky:
    """A broker that is out for the first calls, after having written the jobs or not."""

    def __init__(self, broker: Broker, failures: int, *, written: bool) -> None:
        self._broker = broker
        self._failures = failures
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def enqueue(self, jobs: list[NewJob]) -> list[Enqueued]:
        if self._failures:
            self._failures -= 1
            if self._written:
                await self._broker.enqueue(jobs)
            raise BrokerUnavailable("out")
        return await self._broker.enqueue(jobs)


@pytest.mark.parametrize("written", [False, True])
async def test_an_enqueue_that_meets_an_outage_is_tried_once_more_and_gives_one_job(
    broker: Broker, written: bool
) -> None:
    flaky: Any = Flaky(broker, 1, written=written)
    async with Client(flaky) as client:
        handle = await client.enqueue(plain.bind())
        assert (await handle.status()).state is State.PENDING
        assert await enqueued(client) == 1


class Seen:
    """What a broker is asked to write, by what it is told of its ids."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self.unsent: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def enqueue(self, jobs: list[NewJob]) -> list[Enqueued]:
        self.unsent += [job.unsent for job in jobs]
        answers: list[Enqueued] = await self._broker.enqueue(jobs)
        return answers


async def test_a_broker_is_told_which_ids_are_made_for_the_call(broker: Broker) -> None:
    seen: Any = Seen(broker)
    async with Client(seen) as client:
        handle = await client.enqueue(plain.bind())
        await client.enqueue("plain", delay="1h")
        await client.enqueue(plain.bind(), id=handle.id)
    assert seen.unsent == [True, True, False]


async def test_what_is_tried_once_more_is_no_longer_new_to_the_store(broker: Broker) -> None:
    seen: Any = Seen(broker)
    flaky: Any = Flaky(seen, 1, written=True)
    async with Client(flaky) as client:
        await client.enqueue(plain.bind())
    assert seen.unsent == [True, False]


async def test_an_outage_that_lasts_is_said(broker: Broker) -> None:
    flaky: Any = Flaky(broker, 2, written=False)
    async with Client(flaky) as client:
        with pytest.raises(BrokerUnavailable):
            await client.enqueue(plain.bind())


async def test_the_handle_of_a_call_knows_what_it_returns(client: Client, published: None) -> None:
    assert (await client.enqueue(generate.bind("a"))).ticket.returns is Report
    named = await client.enqueue("reports.generate", {"kind": "a"}, returns=Report)
    assert named.ticket.returns is Report


async def test_what_is_enqueued_can_be_looked_at(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind(3))
    await client.enqueue(generate.bind("a"), delay="1h")
    claim = await worker.run()
    job: Job = await client.status(handle.id)
    assert (job.state, job.worker, claim.id) == (State.COMPLETED, "worker", handle.id)
    detail = await client.job(handle.id)
    assert (detail.job, detail.history) == (job, ())
    assert [queue.counts for queue in await client.queues()] == [
        Counts(queue="default", completed=1),
        Counts(queue="reports", delayed=1),
    ]


async def test_workers_and_types_are_listed(client: Client, broker: Broker, published: None) -> None:
    from stoker.jobs.operating import Worker as Row

    await broker.announce(Row(name="host.1", slots=4))
    [row] = await client.workers()
    assert (row.name, row.slots) == ("host.1", 4)
    assert row.seen_at is not None
    types = await client.types()
    assert sorted(types) == ["once", "plain", "reports.generate"]
    assert types["reports.generate"].queue == "reports"
