"""Recurring jobs as clients add them, look at them and act upon them; what they become is in `jobs`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stoker.brokers import Broker
from stoker.client import Client, SyncClient
from stoker.jobs.clock import Offset
from stoker.jobs.errors import (
    InvalidJob,
    InvalidPayload,
    RecurringNotFound,
    RecurringOwned,
)
from stoker.jobs.job import Holding
from stoker.jobs.recurring import Schedule
from stoker.jobs.rescheduling import Declaration, declared
from stoker.jobs.state import State

from .conftest import Worker, generate, plain

Declare = Callable[[], Any]


@pytest.fixture
def declare(broker: Broker) -> Declare:
    """A worker's code names a recurring job "clean"."""

    async def declare() -> str:
        by = Declaration("clean", Schedule(type="plain", line="@daily"), "code", "default", "1")
        page = await broker.recurring(names=["clean"])
        row = page.items[0] if page.items else None
        changes = declared(row, by, page.now)
        await broker.change(changes)
        return "clean"

    return declare


async def test_a_handlers_call_recurs_with_what_the_handler_says(client: Client) -> None:
    id = await client.add_recurring(
        "Monthly", generate.bind("monthly"), cron="0 0 1 * *", timezone="Europe/Vienna"
    )
    [row] = await client.recurring()
    assert (row.id, row.name, row.owner, row.enabled) == (id, "Monthly", "client", True)
    assert row.schedule == Schedule(
        type="reports.generate",
        line="0 0 1 * *",
        timezone="Europe/Vienna",
        queue="reports",
        priority=7,
        payload=msgspec.Raw(b'{"kind":"monthly"}'),
        max_attempts=3,
        timeout=600.0,
        expires=86400.0,
        tags=("report",),
    )


async def test_a_type_recurs_by_its_name_with_options_of_its_own(client: Client) -> None:
    await client.add_recurring(
        "often",
        "elsewhere",
        {"a": 1},
        every="90s",
        overlap="queue",
        catchup="all",
        catchup_limit=7,
        jitter="5s",
        options={"queue": "other", "priority": 9, "unique": "k", "tags": ["t"]},
    )
    [row] = await client.recurring()
    assert row.schedule == Schedule(
        type="elsewhere",
        line="every 1m30s",
        queue="other",
        priority=9,
        payload=msgspec.Raw(b'{"a":1}'),
        unique=Holding("k"),
        tags=("t",),
        overlap="queue",
        catchup="all",
        catchup_limit=7,
        jitter=5.0,
    )


async def test_a_name_is_known_once(client: Client) -> None:
    first = await client.add_recurring("one", plain.bind(1), cron="@daily")
    second = await client.add_recurring("one", plain.bind(2), cron="@hourly")
    await client.add_recurring("two", plain.bind(1), cron="@daily")
    assert first == second
    assert await client.recurring_count() == 2
    assert [(row.name, row.schedule.line) for row in await client.recurring()] == [
        ("one", "@hourly"),
        ("two", "@daily"),
    ]


async def test_another_queue_gives_it_another_id(client: Client) -> None:
    first = await client.add_recurring("one", plain.bind(1), cron="@daily")
    second = await client.add_recurring("one", plain.bind(1), cron="@daily", options={"queue": "b"})
    assert first != second
    assert [row.id for row in await client.recurring()] == [second]


async def test_all_of_them_are_listed_however_many(client: Client, broker: Broker) -> None:
    page = await broker.recurring()
    from stoker.jobs.rescheduling import added

    schedule = Schedule(type="plain", line="@daily")
    names = [f"{number:04}" for number in range(1100)]
    for begin in range(0, len(names), 100):
        some = names[begin : begin + 100]
        await broker.change([added(None, name, schedule, page.now)[0] for name in some])
    assert [row.name for row in await client.recurring()] == names


# What is refused, before anything is written


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({}, "a recurring job has `cron`, a line such as '0 3 * * *', or `every`"),
        ({"cron": "@daily", "every": 5}, "a recurring job has `cron` or `every`, not both"),
        ({"cron": 5}, "cron is a line such as '0 3 * * *', not 5"),
        ({"cron": "61 * * * *"}, "'61 * * * *' is no schedule: the minute 61"),
        ({"cron": "@daily", "timezone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"every": "5x"}, "'5x' is no schedule"),
        ({"every": 0.5}, "0.5 is no schedule: a period has whole seconds, at least one"),
        ({"cron": "@daily", "overlap": "no"}, "overlap is one of skip, allow, queue, not 'no'"),
        ({"cron": "@daily", "catchup": "no"}, "catchup is one of last, skip, all, not 'no'"),
        ({"cron": "@daily", "catchup_limit": 0}, "catchup_limit is a number from 1 to 10,000, not 0"),
        ({"cron": "@daily", "jitter": -1}, "jitter: -1 is not a duration"),
        ({"cron": "@daily", "starts_at": datetime(2027, 1, 1)}, "starts_at is an aware datetime"),
        ({"cron": "@daily", "when": 5}, "there is no option 'when' of a recurring job"),
        ({"cron": "@daily", "options": {"delay": 5}}, "delay is no option of a recurring job"),
        ({"cron": "@daily", "options": {"priority": 99}}, "plain: priority must lie between 0 and 9"),
    ],
)
async def test_a_wrong_schedule_is_refused(client: Client, keywords: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        await client.add_recurring("one", plain.bind(1), **keywords)
    assert str(caught.value).startswith(text)
    assert await client.recurring_count() == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "the name of a recurring job has 1 to 200 characters, not ''"),
        ("x" * 201, "the name of a recurring job has 1 to 200 characters, not 'xxx"),
        (7, "the name of a recurring job has 1 to 200 characters, not 7"),
        ("nul \0", r"the name 'nul \\x00' holds a NUL character"),
        ("half \ud800", r"the name 'half \\ud800' holds a lone surrogate"),
    ],
    ids=["empty", "long", "number", "nul", "surrogate"],
)
async def test_a_wrong_name_is_refused(client: Client, name: Any, text: str) -> None:
    with pytest.raises(InvalidJob, match=text):
        await client.add_recurring(name, plain.bind(1), cron="@daily")


async def test_arguments_that_do_not_fit_are_refused(client: Client, published: None) -> None:
    with pytest.raises(InvalidPayload, match=r"reports\.generate: parameter 'kind'"):
        await client.add_recurring("one", "reports.generate", {"kind": 5}, cron="@daily")
    assert await client.recurring_count() == 0


async def test_what_is_not_there_is_said(client: Client) -> None:
    for acting in (
        client.toggle_recurring,
        client.revert_recurring,
        client.remove_recurring,
        client.fire_recurring,
        client.recurring_times,
        client.recurring_job,
    ):
        with pytest.raises(RecurringNotFound, match="there is no recurring job 'nobody'"):
            await acting("nobody")


# Acting


@pytest.mark.parametrize("by", ["id", "name"])
async def test_it_is_switched_off_and_on(client: Client, by: str) -> None:
    id = await client.add_recurring("one", plain.bind(1), cron="@daily")
    which = id if by == "id" else "one"
    assert await client.toggle_recurring(which) is False
    assert (await client.recurring_job(which)).enabled is False
    assert await client.toggle_recurring(which, False) is False
    assert await client.toggle_recurring(which) is True
    assert (await client.recurring_job(which)).enabled is True


async def test_it_is_switched_off_for_a_while(client: Client) -> None:
    await client.add_recurring("one", plain.bind(1), cron="@daily")
    before = datetime.now(UTC)
    assert await client.toggle_recurring("one", resumes="2h") is False
    resumes_at = (await client.recurring_job("one")).resumes_at
    assert resumes_at is not None
    assert timedelta(hours=2) <= resumes_at - before < timedelta(hours=2, minutes=1)
    until = datetime(2090, 1, 1, tzinfo=UTC)
    await client.toggle_recurring("one", resumes=until)
    assert (await client.recurring_job("one")).resumes_at == until
    with pytest.raises(InvalidJob, match="`resumes` is for switching off"):
        await client.toggle_recurring("one", True, resumes="2h")


async def test_a_clients_own_is_removed(client: Client) -> None:
    await client.add_recurring("one", plain.bind(1), cron="@daily")
    await client.remove_recurring("one")
    assert await client.recurring() == []


async def test_what_code_says_can_be_edited_and_reverted_but_not_removed(
    client: Client, declare: Declare
) -> None:
    await declare()
    with pytest.raises(RecurringOwned, match="the schedule 'clean' is declared by the code"):
        await client.remove_recurring("clean")
    await client.add_recurring("clean", "plain", cron="@hourly")
    row = await client.recurring_job("clean")
    assert (row.owner, row.schedule.line, row.declared.line) == ("code", "@hourly", "@daily")
    await client.revert_recurring("clean")
    assert (await client.recurring_job("clean")).schedule.line == "@daily"


async def test_it_is_fired_at_once(client: Client, worker: Worker) -> None:
    await client.add_recurring("one", plain.bind(5), cron="never")
    job = await client.fire_recurring("one")
    assert job.created
    [claim] = await worker.claim()
    row = await client.recurring_job("one")
    assert (claim.id, claim.payload, claim.recurring_id) == (job.id, b'{"number":5}', row.id)
    assert row.last_job == job.id


async def test_it_is_not_fired_while_an_earlier_job_has_not_ended(
    client: Client, worker: Worker
) -> None:
    await client.add_recurring("one", plain.bind(5), cron="never")
    first = await client.fire_recurring("one")
    again = await client.fire_recurring("one")
    assert (again.id, again.created) == (first.id, False)
    await client.cancel(first.id)
    third = await client.fire_recurring("one")
    assert third.created and third.id != first.id


async def test_it_is_fired_again_where_overlapping_is_allowed(client: Client) -> None:
    await client.add_recurring("one", plain.bind(5), cron="never", overlap="allow")
    jobs = [await client.fire_recurring("one") for _ in range(3)]
    assert len({job.id for job in jobs}) == 3 and all(job.created for job in jobs)


async def test_the_next_times_are_told(client: Client, offset: Offset) -> None:
    await client.add_recurring("one", plain.bind(1), cron="0 12 * * *", timezone="Europe/Vienna")
    times = await client.recurring_times("one", 3)
    assert [later - sooner for sooner, later in pairwise(times)] == [timedelta(days=1)] * 2
    assert {moment.hour for moment in times} <= {10, 11}
    await client.add_recurring("one", plain.bind(1), cron="never")
    assert await client.recurring_times("one") == []
    with pytest.raises(InvalidJob, match="count lies between 1 and 1,000, not 0"):
        await client.recurring_times("one", 0)


def test_all_of_it_works_without_await(tmp_path: Path) -> None:
    with SyncClient(f"sqlite:///{tmp_path}/jobs.db", create=True) as stoker:
        id = stoker.add_recurring("one", plain.bind(1), cron="@daily")
        assert [row.id for row in stoker.recurring()] == [id]
        assert stoker.recurring_count() == 1
        assert stoker.toggle_recurring(id) is False
        assert stoker.recurring_job(id).enabled is False
        assert len(stoker.recurring_times(id, 2)) == 2
        job = stoker.fire_recurring(id)
        assert job.created and stoker.status(job.id).state is State.PENDING
        stoker.revert_recurring(id)
        stoker.remove_recurring(id)
        assert stoker.recurring() == []
