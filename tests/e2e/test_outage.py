import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import anyio
import pytest

from stoker.jobs.state import State

from .daemon import Daemon
from .engines import SERVERS, on_sqlite
from .stage import Stage
from .stores.store import Server

pytestmark = pytest.mark.slow

LEASE = 1.5
OUT_FOR = 1.4 * LEASE
CALL_DEADLINE = 5.0
"""Seconds after which a write that waits for SQLite's lock is told that the store is out."""
LOST = "the store does not answer; trying until it does"


@asynccontextmanager
async def silent(stage: Stage) -> AsyncIterator[None]:
    """The store is there, and answers nobody."""
    with stage.store.silent():
        yield
    await stage.is_back()


@asynccontextmanager
async def gone(stage: Stage) -> AsyncIterator[None]:
    """The server was killed, and is started again at the end."""
    server = cast(Server, stage.store)
    server.kill()
    try:
        yield
    finally:
        server.start()
    await stage.is_back()


Outage = Callable[[Stage], AbstractAsyncContextManager[None]]
OUTAGES = {
    "sqlite, longer than a lease": ("sqlite", silent, OUT_FOR),
    "sqlite, longer than a lease and than a call may take": ("sqlite", silent, CALL_DEADLINE + LEASE),
    "postgres stands still": ("postgres", silent, OUT_FOR),
    "postgres is gone": ("postgres", gone, OUT_FOR),
    "redis stands still": ("redis", silent, OUT_FOR),
    "redis is gone": ("redis", gone, OUT_FOR),
    "valkey is gone": ("valkey", gone, OUT_FOR),
}
in_an_outage = pytest.mark.parametrize(
    ("stage", "outage", "length"), OUTAGES.values(), ids=OUTAGES, indirect=["stage"]
)


async def elapse(seconds: float) -> None:
    await anyio.sleep(seconds)  # sleeps: an outage of this length is what is tried


async def two_daemons(stage: Stage) -> list[Daemon]:
    return [await stage.start(lease=LEASE, max_concurrency=1) for _ in range(2)]


@on_sqlite
async def test_a_store_that_is_locked_for_longer_than_a_call_may_take_is_waited_for(
    stage: Stage,
) -> None:
    go = stage.go()
    daemon = await stage.start(lease=30)
    job = await stage.enqueue("hold")
    await stage.told.next("running", job)
    with stage.store.silent():
        told = await daemon.says(LOST)
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


@on_sqlite
async def test_who_starts_while_the_store_is_locked_waits_and_can_be_stopped(stage: Stage) -> None:
    job = await stage.enqueue("append")
    with stage.store.silent():
        daemon, stopped = [await stage.launch(lease=3) for _ in range(2)]
        await stopped.says(LOST)
        stopped.signal(signal.SIGTERM)
        await daemon.says(LOST)
        assert await stopped.ended() == 0
        assert stage.runs(job) == []
    assert (await stage.final(job)).state is State.COMPLETED
    assert [run.pid for run in stage.runs(job)] == [daemon.pid]
    assert await daemon.stop() == 0


@pytest.mark.parametrize(
    ("stage", "processes"), [*((server, 1) for server in SERVERS), ("postgres", 2)], indirect=["stage"]
)
async def test_who_starts_before_its_server_says_what_it_waits_for_and_can_be_stopped(
    stage: Stage, processes: int
) -> None:
    job = await stage.enqueue("append")
    async with gone(stage):
        daemon, stopped = [await stage.launch(lease=3, processes=processes) for _ in range(2)]
        for each in (daemon, stopped):
            assert stage.store.shown in (await each.says(LOST))["error"]
        assert await stopped.stop() == 0
        assert stopped.said("stoker started") == []
    assert (await stage.final(job)).state is State.COMPLETED
    assert daemon.said("the store answers again")
    assert await daemon.stop() == 0


@in_an_outage
async def test_in_an_outage_nobody_is_taken_for_dead_and_a_run_that_may_goes_on(
    stage: Stage, outage: Outage, length: float
) -> None:
    go = stage.go()
    daemons = await two_daemons(stage)
    jobs = await stage.enqueue_many(2, "hold_unfenced")
    for job in jobs:
        await stage.told.next("running", job)
    async with outage(stage):
        await elapse(length)
    later = await stage.enqueue_many(2, "append")
    await anyio.sleep(LEASE)  # sleeps: so long somebody might take the jobs for abandoned
    go(2)
    late = False
    for job in [*jobs, *later]:
        ended = await stage.final(job)
        assert (ended.state, ended.attempts) == (State.COMPLETED, 1)
        assert len(stage.runs(job)) == 1
        # A server that stood still may carry out, late, a claim whose caller has given up: a later job
        # that it falls upon waits for the end of that lease.
        assert ended.crashes == 0 or job in later
        late = late or ended.crashes > 0
    assert late or [daemon.said("jobs taken back") for daemon in daemons] == [[], []]
    assert [await daemon.stop() for daemon in daemons] == [0, 0]


@in_an_outage
async def test_in_an_outage_a_run_is_stopped_before_its_lease_ends_and_given_back_afterwards(
    stage: Stage, outage: Outage, length: float
) -> None:
    stage.go()
    daemons = await two_daemons(stage)
    job = await stage.enqueue("hold")
    pid = (await stage.told.next("running", job))[2]
    [daemon] = [each for each in daemons if str(each.pid) == pid]
    async with outage(stage):
        began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        told = await daemon.says("lease not renewed in time", job_id=job)
        assert told["where"] == "self_fence"
        assert stage.store.shown in daemon.said(LOST)[0]["error"]
        await stage.told.next("cut", job, pid)
        await elapse(length - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began) / 1e9)
        (stage.folder / "go.0").unlink()
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)
    cut = stage.runs(job)[0]
    assert cut.cut is not None
    leases = stage.ledger().claims[job, cut.token].leases
    assert cut.cut < max(until for until in leases if until <= began + LEASE * 1e9)
    assert [run.outcome for run in (await stage.job(job)).history] == ["released"]
    assert [daemon.said("jobs taken back") for daemon in daemons] == [[], []]
    assert [await daemon.stop() for daemon in daemons] == [0, 0]
