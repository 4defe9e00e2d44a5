from datetime import date
from typing import Any

import pytest

from stoker.handlers import Cancel
from stoker.handlers.money import recurring_billing as module
from stoker.handlers.money.billing import Billed
from stoker.handlers.money.charging import open_schedules
from stoker.handlers.money.gateway import open_gateway
from stoker.handlers.money.recurring_billing import recurring_billing
from stoker.handlers.testing import FakeContext, Harness

from .till import Till


@pytest.fixture
def resources(sqlite_till: Till) -> dict[Any, Any]:
    return {open_schedules: sqlite_till.schedules, open_gateway: sqlite_till.provider}


async def test_the_job_charges_what_is_due_and_answers_its_counts(
    sqlite_till: Till, resources: dict[Any, Any], today: date
) -> None:
    sqlite_till.put()
    sqlite_till.put(payment_method="empty")
    sqlite_till.provider.declining = {"empty"}
    async with Harness([module], resources=resources) as harness:
        job = await harness.client.enqueue(recurring_billing.bind())
        [ran] = await harness.drain()
        assert await job.result() == Billed(charged=1, past_due=1)
    assert ran.state == "completed"


async def test_a_gateway_that_does_not_answer_has_the_job_retried_until_it_does(
    sqlite_till: Till, resources: dict[Any, Any], today: date
) -> None:
    sqlite_till.put()
    sqlite_till.provider.silent = {"Ann"}
    async with Harness([module], resources=resources) as harness:
        await harness.client.enqueue(recurring_billing.bind())
        [first] = await harness.drain()
        assert (first.state, first.error is not None and first.error[:11]) == (
            "retrying",
            "NotCharged:",
        )
        sqlite_till.provider.silent = set()
        [second] = await harness.drain(advance="3m")
    assert (second.attempt, second.state) == (2, "completed")
    assert len(sqlite_till.provider.taken) == 1


def test_a_cancelled_job_ends_as_cancelled(sqlite_till: Till, today: date) -> None:
    sqlite_till.put()
    ctx = FakeContext()
    ctx.cancel("enough")
    with pytest.raises(Cancel, match="enough"):
        recurring_billing(ctx, schedules=sqlite_till.schedules, gateway=sqlite_till.provider)
    assert sqlite_till.provider.asked == []


def test_it_never_fires_by_itself() -> None:
    assert recurring_billing.options.cron is None
