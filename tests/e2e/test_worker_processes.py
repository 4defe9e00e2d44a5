import os
import random
import secrets
import signal

import pytest

from stoker.jobs.state import State

from .daemon import STARTED, gone, kill_at_once
from .engines import on_every_engine
from .stage import Stage
from .witnesses import miscounts, overlaps

pytestmark = pytest.mark.slow

LONG_LEASE = 120.0
"""Seconds; whatever comes back within a test has not waited for its end."""


@on_every_engine
async def test_jobs_of_a_killed_worker_run_again_at_once_and_those_of_others_go_on(
    stage: Stage,
) -> None:
    go = stage.go()
    jobs = await stage.enqueue_many(4, "hold")
    daemon = await stage.start(processes=2, max_concurrency=2, lease=LONG_LEASE)
    at = {job: int((await stage.told.next("running", job))[2]) for job in jobs}
    assert daemon.pid not in at.values()
    victim = at[jobs[0]]
    lost = [job for job in jobs if at[job] == victim]
    kept = [job for job in jobs if at[job] != victim]
    assert len(lost) == len(kept) == 2
    killed = {victim: kill_at_once(victim)}
    for job in lost:
        ended = await stage.final(job)
        assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 1)
        assert [run.outcome for run in (await stage.job(job)).history] == ["crashed"]
    assert {job.state for job in await stage.broker.get(kept) if job} == {State.RUNNING}
    go(2)
    for job in kept:
        assert (await stage.final(job)).crashes == 0
        assert [run.pid for run in stage.runs(job)] == [at[job]]
    assert list(overlaps(stage.all_runs(), stage.ledger(), killed, reaped=killed)) == []
    assert await daemon.stop() == 0


async def test_a_killed_worker_is_replaced(stage: Stage) -> None:
    daemon = await stage.start(processes=2)
    await daemon.says(STARTED, mode="worker", times=2)
    victim = daemon.workers()[0]
    kill_at_once(victim)
    told = await daemon.says("process ended unexpectedly", role="worker")
    assert (told["pid"], told["code"]) == (victim, -signal.SIGKILL)
    await daemon.says(STARTED, mode="worker", times=3)
    assert victim not in daemon.workers()[1:]
    assert await daemon.stop() == 0


async def test_ten_killed_workers_under_load_lose_no_job(stage: Stage) -> None:
    seed = int(os.environ.get("E2E_SEED") or secrets.randbits(32))
    print(f"E2E_SEED={seed}")
    chance = random.Random(seed)
    jobs: list[str] = []
    daemon = await stage.start(processes=2, lease=LONG_LEASE)
    killed: dict[int, int] = {}
    for _ in range(10):
        jobs += await stage.enqueue_many(400, "append", seconds=0.005)
        await stage.hears(chance.randrange(1, 600))  # of the 800 lines that these come to at least
        await daemon.says(STARTED, mode="worker", times=len(killed) + 1)
        victim = chance.choice([pid for pid in daemon.workers() if pid not in killed])
        killed[victim] = kill_at_once(victim)
        await daemon.says("process ended unexpectedly", pid=victim)
    await stage.all_final(jobs)
    assert await daemon.stop() == 0
    counts = await stage.counts()
    assert (counts.completed, counts.total) == (4000, 4000)
    runs, ledger = stage.all_runs(), stage.ledger()
    assert list(miscounts(jobs, runs, ledger)) == []
    assert list(overlaps(runs, ledger, killed, reaped=killed)) == []
    assert sum(len(of_job) for of_job in runs.values()) > 4000, "no kill hit a run"


async def test_a_worker_that_is_silent_is_killed_before_its_lease_ends(stage: Stage) -> None:
    stage.go()
    job = await stage.enqueue("hold")
    daemon = await stage.start(processes=2, max_concurrency=1, lease=3.0)
    pid = int((await stage.told.next("running", job))[2])
    os.kill(pid, signal.SIGSTOP)
    told = await daemon.says("process ended unexpectedly", pid=pid)
    assert "silent" in told["detail"]
    assert (await stage.final(job)).crashes == 1
    first, second = stage.runs(job)
    assert first.pid == pid != second.pid
    assert second.started < stage.ledger().claims[job, first.token].lease_until


async def test_workers_end_with_a_killed_daemon_and_their_jobs_run_elsewhere(stage: Stage) -> None:
    stage.go()
    jobs = await stage.enqueue_many(2, "hold")
    daemon = await stage.start(processes=2, max_concurrency=1, lease=1.5)
    pids = {int((await stage.told.next("running", job))[2]) for job in jobs}
    pidfds = [os.pidfd_open(pid) for pid in pids]
    assert len(pids) == 2
    killed = dict.fromkeys(pids, kill_at_once(daemon.pid))
    for pidfd in pidfds:
        await gone(pidfd)
    await stage.start(lease=1.5)
    for job in jobs:
        assert (await stage.final(job)).crashes == 1
    assert list(overlaps(stage.all_runs(), stage.ledger(), killed)) == []


async def test_an_isolated_run_ends_with_its_killed_daemon_and_runs_elsewhere(stage: Stage) -> None:
    stage.go()
    daemon = await stage.start(lease=1.5)
    job = await stage.enqueue("hold_isolated")
    pid = int((await stage.told.next("running", job))[2])
    assert pid != daemon.pid
    pidfd = os.pidfd_open(pid)
    killed = {pid: kill_at_once(daemon.pid)}
    await gone(pidfd)
    await stage.start(lease=1.5)
    assert (await stage.final(job)).crashes == 1
    assert list(overlaps(stage.all_runs(), stage.ledger(), killed)) == []


async def test_a_stop_of_several_processes_loses_nothing_and_spends_no_attempt(stage: Stage) -> None:
    jobs = await stage.enqueue_many(2000, "append", seconds=0.02)
    daemon = await stage.start(processes=2, lease=LONG_LEASE)
    await stage.hears(1000)
    assert await daemon.stop() == 0
    counts = await stage.counts()
    assert (counts.running, counts.total) == (0, 2000)
    assert 0 < counts.completed < 2000
    await stage.start()
    await stage.all_final(jobs)
    assert all(len(of_job) == 1 for of_job in stage.all_runs().values())
    assert {(job.attempts, job.crashes) for job in await stage.broker.get(jobs) if job} == {(1, 0)}


async def test_a_worker_whose_thread_does_not_end_is_replaced_and_the_daemon_goes_on(
    stage: Stage,
) -> None:
    stage.go()
    daemon = await stage.start(processes=2, max_concurrency=1, shutdown_grace=0, cancel_grace=0.3)
    stuck = (await stage.client.enqueue("hold_thread", timeout=0.3)).id
    pid = int((await stage.told.next("running", stuck))[2])
    await daemon.says("thread does not end", job_id=stuck)
    told = await daemon.says("process ended unexpectedly", pid=pid)
    assert told["code"] == 75
    await daemon.says(STARTED, mode="worker", times=3)
    job = await stage.waits(stuck)
    assert (job.state, job.attempts, job.crashes) == (State.RETRYING, 1, 0)
    assert (await stage.final(stuck)).attempts == 2
    assert await daemon.stop() == 0
