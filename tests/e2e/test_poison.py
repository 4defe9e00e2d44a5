import signal

import pytest

from stoker.jobs.state import State

from .engines import ENGINES
from .stage import Stage
from .witnesses import overlaps

pytestmark = pytest.mark.slow

LEASE = 1.5


@pytest.mark.parametrize(
    ("stage", "how", "status"),
    [("sqlite", "kill", -signal.SIGKILL), *((engine, "exit", 3) for engine in ENGINES)],
    indirect=["stage"],
)
async def test_a_job_that_kills_its_process_ends_as_poisoned_and_its_neighbours_go_on(
    stage: Stage, how: str, status: int
) -> None:
    stage.go(crashes=1)
    go = stage.go(crashes=0)
    poison = await stage.enqueue("die", how=how)
    innocent = await stage.enqueue("hold")
    for crashes in range(2):  # in the daemon's own process, which dies with it
        daemon = await stage.start(lease=LEASE)
        await stage.told.next("running", poison, str(daemon.pid))
        assert await daemon.ended() == status
        assert (await stage.job(poison)).job.crashes == crashes

    daemon = await stage.start(lease=LEASE)
    neighbour = await stage.enqueue("hold")
    await stage.told.next("running", neighbour, str(daemon.pid))
    for deaths in range(3):  # in a child of its own
        waiting = await stage.waits(poison, crashes=2 + deaths)
        assert waiting.state is State.PENDING
        told = await stage.told.next("running", poison)
        await daemon.says("process ended unexpectedly", role="solo", pid=int(told[2]))

    ended = await stage.final(poison)
    assert (ended.state, ended.reason) == (State.FAILED, "poisoned")
    assert (ended.attempts, ended.crashes) == (0, 5)
    assert [run.outcome for run in (await stage.job(poison)).history] == ["crashed"] * 5
    runs = stage.runs(poison)
    assert len({run.pid for run in runs}) == 5
    assert daemon.pid not in {run.pid for run in runs}

    assert [run.pid for run in stage.runs(neighbour)] == [daemon.pid]
    go()
    assert (await stage.final(neighbour)).crashes == 0
    spared = await stage.final(innocent)
    assert (spared.state, spared.attempts, spared.crashes) == (State.COMPLETED, 1, 2)
    before_its_own = {poison: runs[:3], innocent: stage.runs(innocent)}
    assert list(overlaps(before_its_own, stage.ledger(), stage.killed())) == []
    assert await daemon.stop() == 0
