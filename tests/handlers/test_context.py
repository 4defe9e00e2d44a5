import math
from typing import Any

import msgspec
import pytest

from stoker.handlers import Context
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import InvalidJob, LeaseLost
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import State


class FakeServices:
    """Keeps what was to be settled, and answers as it is told."""

    client = "client"
    sync_client = "sync client"

    def __init__(self, verdict: Verdict = "accepted") -> None:
        self.verdict = verdict
        self.settled: list[tuple[Any, Settlement]] = []

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        self.settled.append((connection, settlement))
        return self.verdict


def test_it_shows_its_job() -> None:
    job = FakeContext(type="a.b", attempts=2, tags=("x",), queue="q").job
    assert (job.type, job.attempts, job.max_attempts, job.tags, job.queue) == ("a.b", 2, 6, ("x",), "q")
    assert job.created_at == job.scheduled_at
    assert job.recurring_id is None


@pytest.mark.parametrize("percent", [0, 0.5, 100])
def test_progress_is_kept_with_its_message(percent: float, ctx: FakeContext) -> None:
    ctx.progress(percent, "so far")
    ctx.progress(percent)
    assert ctx.progressed == [(percent, "so far"), (percent, None)]


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan, math.inf])
def test_progress_out_of_range_is_refused(percent: float, ctx: FakeContext) -> None:
    with pytest.raises(ValueError, match="progress lies between 0 and 100, not"):
        ctx.progress(percent)
    assert ctx.progressed == []


def test_a_log_line_has_a_level(ctx: FakeContext) -> None:
    ctx.log("500 records")
    ctx.log("odd", "warning")
    assert ctx.logs == ["500 records", "odd"]
    assert ctx.levels == ["info", "warning"]


def test_an_unknown_level_is_refused(ctx: FakeContext) -> None:
    with pytest.raises(
        ValueError, match="a level is one of debug, info, warning and error, not 'loud'"
    ):
        ctx.log("a", "loud")


def test_what_is_no_text_is_logged_as_one(ctx: FakeContext) -> None:
    ctx.log(500)  # type: ignore[arg-type]
    assert ctx.logs == ["500"]


def test_a_cancel_shows_and_keeps_its_first_reason(ctx: FakeContext) -> None:
    assert not ctx.cancelled
    assert ctx.cancel_reason is None
    ctx.cancel("not needed")
    ctx.cancel("shutdown")
    assert ctx.cancelled
    assert ctx.cancel_reason == "not needed"


def test_it_takes_no_other_attributes(ctx: FakeContext) -> None:
    assert not hasattr(Context(ctx._claim, ctx._sink), "__dict__")


def test_it_hands_out_the_clients() -> None:
    ctx = FakeContext(services=FakeServices())
    assert ctx.client == "client"
    assert ctx.sync_client == "sync client"


@pytest.mark.parametrize("what", ["client", "sync_client"])
def test_without_services_it_says_what_lacks(what: str, ctx: FakeContext) -> None:
    with pytest.raises(RuntimeError, match=f"there is no ctx.{what} here"):
        getattr(ctx, what)


async def test_complete_in_settles_as_completed_with_the_result() -> None:
    services = FakeServices()
    ctx = FakeContext(services=services, attempts=2)
    await ctx.complete_in("connection", {"rows": 5})
    [(connection, settlement)] = services.settled
    assert connection == "connection"
    assert (settlement.id, settlement.token) == (ctx.job.id, ctx.job.token)
    assert (settlement.state, settlement.attempts) == (State.COMPLETED, 2)
    assert settlement.result == b'{"rows":5}'
    assert ctx.settled_in


async def test_complete_in_answered_already_is_as_good() -> None:
    ctx = FakeContext(services=FakeServices("already"))
    await ctx.complete_in(None)
    assert ctx.settled_in


async def test_complete_in_with_a_lost_claim_raises() -> None:
    ctx = FakeContext(services=FakeServices("lost"))
    with pytest.raises(LeaseLost, match="roll back"):
        await ctx.complete_in(None)
    assert not ctx.settled_in


async def test_complete_in_with_what_the_store_cannot_keep_raises() -> None:
    ctx = FakeContext(services=FakeServices("invalid"))
    with pytest.raises(InvalidJob, match="cannot be kept"):
        await ctx.complete_in(None)
    assert not ctx.settled_in


@pytest.mark.parametrize("result", [object(), "a\0", math.nan, "x" * 300_000])
async def test_complete_in_refuses_a_result_that_cannot_be_kept(result: Any) -> None:
    services = FakeServices()
    ctx = FakeContext(services=services)
    with pytest.raises(InvalidJob, match="the result is not kept"):
        await ctx.complete_in(None, result)
    assert services.settled == []
    assert not ctx.settled_in


def test_a_thread_completes_with_a_synchronous_connection() -> None:
    services = FakeServices()
    ctx = FakeContext(services=services)
    ctx.sync_complete_in("connection", 5)
    assert services.settled[0][1].result == b"5"
    assert ctx.settled_in


def test_a_thread_cannot_complete_with_an_asynchronous_connection() -> None:
    import asyncio

    class Waiting(FakeServices):
        async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
            await asyncio.sleep(0)
            return "accepted"

    ctx = FakeContext(services=Waiting())
    with pytest.raises(TypeError, match="str is no synchronous connection: await"):
        ctx.sync_complete_in("connection")
    assert not ctx.settled_in


def test_what_it_shows_of_the_job_cannot_be_changed(ctx: FakeContext) -> None:
    with pytest.raises(AttributeError):
        ctx.job.attempts = 3  # type: ignore[misc]
    assert isinstance(ctx.job, msgspec.Struct)
