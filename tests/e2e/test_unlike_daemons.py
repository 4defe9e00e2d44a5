import anyio
import pytest

from stoker.jobs.state import State

from .engines import on_every_engine
from .stage import Stage
from .told import LIMIT

pytestmark = pytest.mark.slow


@on_every_engine
async def test_a_job_of_a_type_that_one_daemon_does_not_know_runs_in_the_other(stage: Stage) -> None:
    ignorant = await stage.start(handlers=["other"])
    jobs = await stage.enqueue_many(5, "append")
    told = await ignorant.says("no handler here knows the job's type")
    assert (told["job_type"], told["delay"]) == ("append", 5.0)
    waiting = [await stage.waits(job) for job in jobs]
    assert {(job.state, job.attempts, job.crashes) for job in waiting} == {(State.PENDING, 0, 0)}
    knowing = await stage.start()
    await stage.all_final(jobs)
    assert {run.pid for job in jobs for run in stage.runs(job)} == {knowing.pid}
    ended = await stage.broker.get(jobs)
    assert {(job.state, job.attempts) for job in ended if job} == {(State.COMPLETED, 1)}
    known = await stage.enqueue("nothing")
    await stage.all_final([known])  # whichever of the two it is offered to first, and second, and third
    assert (await stage.final(known)).state is State.COMPLETED


async def test_a_producer_runs_nothing_and_does_no_upkeep(stage: Stage) -> None:
    producer = await stage.start(mode="producer", lease=1.0)
    ready = await stage.enqueue("append")
    due = (await stage.client.enqueue("append", delay=0.1)).id
    with anyio.fail_after(LIMIT):
        for _ in range(3):  # it lives, and shows so once in a lease; jobs are promoted each second
            await new_sign_of_life(stage)
    [worker] = await stage.broker.workers()
    assert (worker.pid, worker.slots, worker.queues) == (producer.pid, 0, ())
    counts = await stage.counts()
    assert (counts.ready, counts.delayed, counts.total) == (1, 1, 2)
    assert stage.all_runs() == {}
    consumer = await stage.start()
    for job in (ready, due):
        await stage.final(job)
        assert [run.pid for run in stage.runs(job)] == [consumer.pid]
    assert await producer.stop() == 0


async def new_sign_of_life(stage: Stage) -> None:
    """Wait until the only worker has announced itself once more."""
    before = [worker.seen_at for worker in await stage.broker.workers()]
    while before == [worker.seen_at for worker in await stage.broker.workers()]:
        await elapse(0.05)


async def elapse(seconds: float) -> None:
    await anyio.sleep(seconds)  # sleeps: nobody tells that a worker has announced itself
