from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from stoker.daemon.children.attending import Wish
from stoker.daemon.children.pool import ChildPool
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Done

# The child's own broker: it knows nothing but what the handlers' module puts in its place.
FAKE_BROKER = """
    from stoker.brokers import connecting

    class FakeBroker:
        opened = 0
        settled = []

        @classmethod
        def from_url(cls, url, **named):
            return cls()

        async def __aenter__(self):
            FakeBroker.opened += 1
            await asyncio.sleep(0)
            return self

        async def __aexit__(self, *error):
            pass

        async def settle_in(self, connection, settlement):
            FakeBroker.settled.append([line.message for line in settlement.logs])
            return connection

        async def enqueue(self, jobs):
            from stoker.jobs.job import Enqueued
            return [Enqueued(job.id, job.type == "thread") for job in jobs]

        async def cancel(self, ids, reason):
            from stoker.jobs.operating import CancelAnswer
            return [CancelAnswer(id, "cancelled") for id in ids]

    connecting._SCHEMES["fake"] = (__name__, "FakeBroker", None)
"""

HANDLERS = (
    FAKE_BROKER
    + """
    @handler("wait", isolation="process")
    async def wait(ctx: Context, verdict: str) -> list:
        ctx.log("one")
        await ctx.complete_in(verdict)
        return [FakeBroker.opened, FakeBroker.settled]

    @handler("thread", isolation="process")
    def thread(ctx: Context, verdict: str) -> list:
        ctx.log("one")
        ctx.sync_complete_in(verdict)
        return [FakeBroker.opened, FakeBroker.settled]

    @handler("produces", isolation="process")
    async def produces(ctx: Context) -> list:
        job = await ctx.client.enqueue(thread.bind("accepted"))
        return [job.created, await job.cancel()]

    @handler("produces.thread", isolation="process")
    def produces_in_thread(ctx: Context) -> list:
        job = ctx.sync_client.enqueue(thread.bind("accepted"))
        return [job.created, job.cancel()]

    @handler("rollback", isolation="process")
    async def rollback(ctx: Context):
        ctx.log("one")
        await ctx.complete_in("accepted")
        raise RuntimeError("the commit failed")
"""
)

Run = Callable[..., Any]


@pytest.fixture
def run(pool: Callable[..., ChildPool], claim: Callable[..., Claim], heard: Any) -> Run:
    children = pool(HANDLERS, broker="fake://")

    async def run(type: str, **arguments: Any) -> Any:
        job = claim(type, msgspec.json.encode(arguments))
        with anyio.fail_after(20):
            return await children.run(job, timeout=None, sink=heard, cancelled=Wish())

    return run


@pytest.mark.parametrize("type", ["wait", "thread"])
async def test_complete_in_settles_through_the_childs_own_broker_with_all_log_lines(
    type: str, run: Run, heard: Any
) -> None:
    ending = await run(type, verdict="accepted")
    assert isinstance(ending, Done) and ending.result is not None
    assert msgspec.json.decode(ending.result) == [1, [["one"]]]
    assert heard.lines == []
    assert heard.settled_in_child


async def test_the_broker_is_opened_once_for_all_runs_of_a_child(run: Run) -> None:
    await run("wait", verdict="accepted")
    ending = await run("thread", verdict="already")
    assert msgspec.json.decode(ending.result)[0] == 1


@pytest.mark.parametrize("type", ["produces", "produces.thread"])
async def test_a_run_reaches_a_client_and_handles_that_fit_where_it_runs(type: str, run: Run) -> None:
    ending = await run(type)
    assert isinstance(ending, Done), ending
    assert msgspec.json.decode(ending.result or b"") == [True, "cancelled"]


async def test_a_lost_lease_is_raised_inside_and_the_lines_are_told_anew(run: Run, heard: Any) -> None:
    ending = await run("wait", verdict="lost")
    assert ending.error.startswith("LeaseLost: ")
    assert heard.lines == ["one"]


async def test_lines_of_a_rolled_back_completion_are_told_anew(run: Run, heard: Any) -> None:
    ending = await run("rollback")
    assert ending.error == "RuntimeError: the commit failed"
    assert heard.lines == ["one"]


async def test_a_client_takes_no_more_than_the_configured_payload(
    pool: Callable[..., ChildPool], claim: Callable[..., Claim], heard: Any
) -> None:
    children = pool(HANDLERS, broker="fake://", max_payload=10)
    with anyio.fail_after(20):
        ending = await children.run(claim("produces"), timeout=None, sink=heard, cancelled=Wish())
    assert "at most 10 are allowed" in ending.error


async def test_a_broker_in_the_parents_memory_is_out_of_reach_and_says_so(
    pool: Callable[..., ChildPool], claim: Callable[..., Claim], heard: Any
) -> None:
    children = pool(HANDLERS, broker="memory://")
    with anyio.fail_after(20):
        ending = await children.run(claim("produces"), timeout=None, sink=heard, cancelled=Wish())
    assert "a memory:// broker lives in its daemon's process" in ending.error
