import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.children.delegating import Children
from stoker.daemon.children.pool import ChildPool
from stoker.daemon.runs.record import Record
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Done


class Speaking(Record):
    """A record that tells when its run has logged something."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.spoke = asyncio.Event()

    def log(self, claim: Claim, message: str, level: str) -> None:
        super().log(claim, message, level)
        self.spoke.set()


MakeRecord = Callable[[str], Speaking]


@pytest.fixture
def record(claim: Callable[..., Claim]) -> MakeRecord:
    def make(type: str) -> Speaking:
        return Speaking(
            claim(type),
            None,
            lane="all",
            started=0.0,
            safe_until=0.0,
            self_fence=True,
            max_logs=10,
            timeout=None,
        )

    return make


SOURCE = """
    @handler("ignore", isolation="process")
    async def ignore(ctx: Context) -> str:
        ctx.log("here")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    @handler("wait", isolation="process")
    async def wait(ctx: Context):
        ctx.log("here")
        await asyncio.sleep(3600)

    @handler("catch", isolation="process")
    async def catch(ctx: Context) -> str:
        ctx.log("here")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return ctx.cancel_reason
"""


@pytest.mark.parametrize("solo", [False, True])
async def test_cancelling_the_call_ends_the_run_inside_and_raises(
    solo: bool, pool: Callable[..., ChildPool], record: MakeRecord
) -> None:
    children, run = Children(pool(SOURCE), margin=3.0), record("wait")
    task = asyncio.ensure_future(children.run(run, None, solo=solo))
    with anyio.fail_after(20):
        await run.spoke.wait()
        run.interruption, run.reason = "shutdown", "shutdown"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_ending_of_the_runs_own_counts_also_after_a_cancel(
    pool: Callable[..., ChildPool], record: MakeRecord
) -> None:
    children, run = Children(pool(SOURCE), margin=3.0), record("catch")
    task = asyncio.ensure_future(children.run(run, None, solo=False))
    with anyio.fail_after(20):
        await run.spoke.wait()
        run.interruption, run.reason = "cancel", "wished"
        task.cancel()
        assert await task == Done(b'"wished"')


async def test_a_fenced_run_is_killed_before_its_lease_ends_whatever_the_grace(
    pool: Callable[..., ChildPool], record: MakeRecord
) -> None:
    children, run = Children(pool(SOURCE, grace=3600.0), margin=0.2), record("ignore")
    task = asyncio.ensure_future(children.run(run, None, solo=False))
    with anyio.fail_after(20):
        await run.spoke.wait()
        run.interruption, run.reason = "fenced", "its lease could not be renewed in time"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_lost_lease_presses_a_run_that_is_already_told_to_end(
    pool: Callable[..., ChildPool], record: MakeRecord
) -> None:
    children, run = Children(pool(SOURCE, grace=3600.0), margin=3.0), record("ignore")
    task = asyncio.ensure_future(children.run(run, None, solo=False))
    with anyio.fail_after(20):
        await run.spoke.wait()
        run.interruption = "shutdown"
        task.cancel()
        await asyncio.sleep(0)
        run.interruption = "lost"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
