import signal
import time

import anyio
import pytest

from stoker.jobs.state import State

from .daemon import Daemon
from .stage import Stage

pytestmark = pytest.mark.slow

LEASE = 2.0
CALL_DEADLINE = 5.0
"""Seconds after which a write that waits for SQLite's lock is told that the store is out."""
OUTAGES = {
    "longer than a lease": 1.75 * LEASE,
    "longer than a lease and than a call may take": CALL_DEADLINE + LEASE,
}


async def elapse(seconds: float) -> None:
    await anyio.sleep(seconds)  # sleeps: an outage of this length is what is tried


async def two_daemons(stage: Stage) -> list[Daemon]:
    return [await stage.start(lease=LEASE, max_concurrency=1) for _ in range(2)]


async def test_a_store_that_is_locked_for_longer_than_a_call_may_take_is_waited_for(
    stage: Stage,
) -> None:
    go = stage.go()
    daemon = await stage.start(lease=30)
    job = await stage.enqueue("hold")
    await stage.told.next("running", job)
    with stage.locked():
        told = await daemon.says("the store does not answer; trying until it does")
        assert "is locked by another connection's open transaction" in told["error"]
        go()  # it ends in the outage, and its outcome waits
        await daemon.says("run completed", job_id=job)
        assert (await stage.job(job)).job.state is State.RUNNING
    told = await daemon.says("the store answers again")
    assert told["duration"] > 0
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)
    assert (await stage.final(await stage.enqueue("append"))).state is State.COMPLETED
    assert not daemon.said("actor fell")
    assert await daemon.stop() == 0


async def test_a_daemon_can_be_stopped_while_the_store_is_out(stage: Stage) -> None:
    job = await stage.enqueue("append")
    with stage.locked():
        daemon = await stage.launch(lease=30)
        await daemon.says("the store does not answer; trying until it does")
        daemon.signal(signal.SIGTERM)
        await daemon.says("stopping", why="SIGTERM")
        assert await daemon.ended() == 0
    assert (await stage.job(job)).job.state is State.PENDING


async def test_a_daemon_that_starts_in_an_outage_waits_for_its_end(stage: Stage) -> None:
    job = await stage.enqueue("append")
    with stage.locked():
        daemon = await stage.launch(lease=30)
        await daemon.says("the store does not answer; trying until it does")
        assert stage.runs(job) == []
    assert (await stage.final(job)).state is State.COMPLETED
    assert await daemon.stop() == 0


@pytest.mark.parametrize("length", OUTAGES.values(), ids=OUTAGES)
async def test_in_an_outage_nobody_is_taken_for_dead_and_a_run_that_may_goes_on(
    stage: Stage, length: float
) -> None:
    go = stage.go()
    daemons = await two_daemons(stage)
    jobs = await stage.enqueue_many(2, "hold_unfenced")
    for job in jobs:
        await stage.told.next("running", job)
    with stage.locked():
        await elapse(length)
    later = await stage.enqueue_many(2, "append")
    await anyio.sleep(1.5 * LEASE)  # sleeps: so long somebody might take the jobs for abandoned
    go(2)
    for job in [*jobs, *later]:
        ended = await stage.final(job)
        assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)
        assert len(stage.runs(job)) == 1
    assert [daemon.said("jobs taken back") for daemon in daemons] == [[], []]
    assert [await daemon.stop() for daemon in daemons] == [0, 0]


@pytest.mark.parametrize("length", OUTAGES.values(), ids=OUTAGES)
async def test_in_an_outage_a_run_is_stopped_before_its_lease_ends_and_given_back_afterwards(
    stage: Stage, length: float
) -> None:
    stage.go()
    daemons = await two_daemons(stage)
    job = await stage.enqueue("hold")
    pid = (await stage.told.next("running", job))[2]
    [daemon] = [each for each in daemons if str(each.pid) == pid]
    with stage.locked():
        locked = time.monotonic()
        told = await daemon.says("lease not renewed in time", job_id=job)
        assert told["where"] == "self_fence"
        await stage.told.next("cut", job, pid)
        [run] = stage.runs(job)
        assert run.cut is not None
        assert run.cut < stage.ledger().claims[job, run.token].lease_until
        await elapse(length - (time.monotonic() - locked))
        (stage.folder / "go.0").unlink()
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)
    assert [run.outcome for run in (await stage.job(job)).history] == ["released"]
    assert [daemon.said("jobs taken back") for daemon in daemons] == [[], []]
    assert [await daemon.stop() for daemon in daemons] == [0, 0]
