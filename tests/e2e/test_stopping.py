import os
import signal

import pytest

from stoker.jobs.state import State

from .engines import ENGINES, on_every_engine
from .stage import Stage

pytestmark = pytest.mark.slow

NO_HURRY = 600.0
"""Seconds of grace; whatever ends within a test was not waited for so long."""
DOOMED = 75


@pytest.mark.parametrize(
    ("stage", "number"),
    [("sqlite", signal.SIGINT), *((engine, signal.SIGTERM) for engine in ENGINES)],
    indirect=["stage"],
)
async def test_a_stop_under_load_loses_nothing_and_spends_no_attempt(
    stage: Stage, number: signal.Signals
) -> None:
    jobs = await stage.enqueue_many(2000, "append", seconds=0.02)
    first = await stage.start()
    await stage.hears(1000)
    first.signal(number)
    assert await first.ended() == 0
    counts = await stage.counts()
    assert (counts.running, counts.total) == (0, 2000)
    assert 0 < counts.completed < 2000
    left = [job for job in await stage.broker.get(jobs) if job and job.completed_at is None]
    assert {(job.state, job.attempts, job.crashes) for job in left} == {(State.PENDING, 0, 0)}
    await stage.start()
    await stage.all_final(jobs)
    assert {(job.attempts, job.crashes) for job in await stage.broker.get(jobs) if job} == {(1, 0)}
    assert [len(of_job) for of_job in stage.all_runs().values()] == [1] * 2000


async def test_a_running_job_may_end_within_the_grace(stage: Stage) -> None:
    go = stage.go()
    daemon = await stage.start(shutdown_grace=NO_HURRY)
    job = await stage.enqueue("hold")
    await stage.told.next("running", job)
    daemon.signal(signal.SIGTERM)
    told = await daemon.says("stopping", why="SIGTERM")
    assert told["running"] == 1
    go()
    assert await daemon.ended() == 0
    assert (await stage.job(job)).job.state is State.COMPLETED
    assert stage.runs(job)[0].done is not None


@on_every_engine
async def test_a_job_that_outlasts_the_grace_is_given_back_and_runs_again(stage: Stage) -> None:
    stage.go()
    daemon = await stage.start(shutdown_grace=0.2)
    job = await stage.enqueue("hold")
    await stage.told.next("running", job)
    assert await daemon.stop() == 0
    assert await stage.told.next("cut", job) == ["cut", job, str(daemon.pid), "shutdown"]
    given_back = await stage.job(job)
    assert (given_back.job.state, given_back.job.attempts) == (State.PENDING, 0)
    assert [run.outcome for run in given_back.history] == ["released"]
    (stage.folder / "go.0").unlink()
    await stage.start()
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)


async def test_a_second_signal_hurries(stage: Stage) -> None:
    stage.go()
    daemon = await stage.start(shutdown_grace=NO_HURRY, cancel_grace=NO_HURRY)
    job = await stage.enqueue("hold")
    await stage.told.next("running", job)
    daemon.signal(signal.SIGTERM)
    await daemon.says("stopping", why="SIGTERM")
    assert stage.told.so_far("cut") == []
    daemon.signal(signal.SIGTERM)
    await daemon.says("stopping", why="SIGTERM again: hurrying")
    assert await daemon.ended() == 0
    given_back = (await stage.job(job)).job
    assert (given_back.state, given_back.attempts) == (State.PENDING, 0)


@pytest.mark.parametrize("hurried", [False, True])
async def test_a_thread_that_does_not_end_is_left_behind_and_its_job_runs_elsewhere(
    stage: Stage, hurried: bool
) -> None:
    stage.go()
    graces = {"shutdown_grace": NO_HURRY, "cancel_grace": NO_HURRY}
    daemon = await stage.start(**graces if hurried else {"shutdown_grace": 0, "cancel_grace": 0.3})
    job = await stage.enqueue("hold_thread")
    await stage.told.next("running", job)
    daemon.signal(signal.SIGTERM)
    if hurried:
        await daemon.says("stopping")
        daemon.signal(signal.SIGTERM)
    assert await daemon.ended() == DOOMED
    given_back = (await stage.job(job)).job
    assert (given_back.state, given_back.attempts, given_back.crashes) == (State.PENDING, 0, 0)
    (stage.folder / "go.0").unlink()
    await stage.start()
    assert (await stage.final(job)).attempts == 1
    cut, whole = stage.runs(job)
    assert cut.done is None
    assert (cut.over(stage.killed()) or 0) < whole.started


async def test_a_thread_that_outlasts_its_timeout_makes_its_process_drain_and_end(
    stage: Stage,
) -> None:
    stage.go()
    daemon = await stage.start(cancel_grace=0.3, shutdown_grace=NO_HURRY)
    other = await stage.enqueue("append", seconds=3.0)
    await daemon.says("run started", job_id=other)
    stuck = (await stage.client.enqueue("hold_thread", timeout=0.3)).id
    await daemon.says("thread does not end", job_id=stuck)
    await daemon.says("stopping", why="a thread cannot be ended")
    late = await stage.enqueue("append")
    assert await daemon.ended() == DOOMED
    [neighbour, waiting] = await stage.broker.get([other, late])
    assert neighbour is not None and neighbour.state is State.COMPLETED
    assert waiting is not None and waiting.state is State.PENDING
    timed_out = await stage.job(stuck)
    assert (timed_out.job.state, timed_out.job.attempts) == (State.RETRYING, 1)
    assert [run.outcome for run in timed_out.history] == ["timeout"]
    await stage.start()
    await stage.all_final([stuck, late])
    assert (await stage.final(stuck)).attempts == 2


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_daemon_that_has_said_that_it_started_can_be_stopped_and_leaves_nothing(
    stage: Stage, processes: int
) -> None:
    daemon = await stage.start(processes=processes)
    assert await daemon.stop() == 0
    assert daemon.said("stoker stopped")
    assert await stage.broker.workers() == []
    with pytest.raises(ProcessLookupError):
        os.killpg(daemon.pid, 0)
