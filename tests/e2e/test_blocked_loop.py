import pytest

from stoker.jobs.state import State

from .stage import Stage
from .witnesses import overlaps

pytestmark = pytest.mark.slow

LEASE = 2.0
STALLED = 70


async def test_a_loop_that_is_blocked_for_longer_than_the_lease_keeps_it(stage: Stage) -> None:
    blocked = await stage.start(lease=LEASE)
    job = await stage.enqueue("block", seconds=3 * LEASE)
    await stage.told.next("running", job, str(blocked.pid))
    neighbour = await stage.start(lease=LEASE)
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 0)
    assert [run.pid for run in stage.runs(job)] == [blocked.pid]
    told = await blocked.says("event loop blocked")
    assert (told["job_id"], told["job_type"]) == (job, "block")
    assert "time.sleep" in told["stack"]
    assert neighbour.said("jobs taken back") == []
    assert [await each.stop() for each in (blocked, neighbour)] == [0, 0]


async def test_a_loop_that_stands_still_ends_its_process_which_names_the_job(stage: Stage) -> None:
    blocked = await stage.start(lease=LEASE, stall_limit=1.0)
    job = await stage.enqueue("block_for_ever")
    await stage.told.next("running", job, str(blocked.pid))
    neighbour = await stage.start(lease=LEASE)
    assert await blocked.ended() == STALLED
    [told] = blocked.said("stoker: the event loop has stood still")
    assert f"in job {job} (block_for_ever)" in told["event"]
    assert blocked.said("Thread 0x"), "the stacks of all threads are shown"
    ended = await stage.final(job)
    assert (ended.state, ended.attempts, ended.crashes) == (State.COMPLETED, 1, 1)
    first, second = stage.runs(job)
    assert (first.pid, second.pid) == (blocked.pid, neighbour.pid)
    assert list(overlaps(stage.all_runs(), stage.ledger(), stage.killed())) == []
