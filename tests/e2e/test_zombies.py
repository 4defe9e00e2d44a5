import json
import signal
import time
from typing import Any

import pytest

from stoker.jobs.state import State

from .daemon import Daemon
from .engines import SERVERS, on_every_engine, on_sqlite
from .stage import Stage
from .told import Go

pytestmark = pytest.mark.slow

LEASE = 1.5
VERDICTS = {"renew": "lost", "report": "lost", "settle": "lost", "release": "lost"}
IN_A_TRANSACTION = {"complete_in": "lost", "effects": 0}
WHILE, AFTER = "while the second run goes on", "after the second run has ended"

in_both_cases = pytest.mark.parametrize(
    ("stage", "second_run"),
    [("sqlite", WHILE), ("sqlite", AFTER), *((server, WHILE) for server in SERVERS)],
    indirect=True,
)
"""Where the daemon is tried, one engine will do for the easier case; what each store refuses in both is
tried by the first test."""


async def taken_over(
    stage: Stage, type: str, arguments: dict[str, Any] | None = None, **settings: Any
) -> tuple[str, Daemon, Daemon]:
    """A job whose first run stands still in one daemon, and whose second is in another's hands."""
    settings = {"lease": LEASE, **settings}
    go = stage.go()
    zombie = await stage.start(**settings)
    job = await stage.enqueue(type, **(arguments or {}))
    await stage.told.next("running", job, str(zombie.pid))
    with stage.store.calm():  # a process that is stopped while it writes locks everybody out
        if type == "hold":
            zombie.signal(signal.SIGSTOP)
        else:
            go()  # it stops by itself, at the worst moment that there is
        await zombie.stands_still()
    heir = await stage.start(**settings)
    await stage.told.next("running", job, str(heir.pid))
    return job, zombie, heir


async def assert_second_run_alone_is_stored(stage: Stage, id: str, heir: Daemon) -> None:
    first, second = stage.runs(id)
    job, ledger = (await stage.job(id)).job, stage.ledger()
    assert job.state is State.COMPLETED
    assert json.loads(bytes(job.result or b"null")) == second.token
    assert f"-{heir.pid}-" in str(job.worker)
    assert (job.attempts, job.crashes) == (1, 1)
    assert ledger.completed[id] == [second.token]
    assert ledger.claims[id, first.token].given_up is None
    assert second.started > ledger.claims[id, first.token].lease_until
    counts = await stage.counts()
    assert (counts.completed, counts.total) == (1, 1)


@pytest.fixture(params=[WHILE, AFTER])
async def second_run(request: pytest.FixtureRequest, stage: Stage) -> Go | None:
    """What the second run waits for; None if it ends at once."""
    return stage.go(crashes=1) if request.param == WHILE else None


@on_every_engine
async def test_the_store_refuses_every_write_of_a_zombie(stage: Stage, second_run: Go | None) -> None:
    id, zombie, heir = await taken_over(stage, "write_late")
    if second_run is None:
        await stage.final(id)
    zombie.signal(signal.SIGCONT)
    verdicts = json.loads((await stage.told.next("verdicts", id))[3])
    joins = "transactions" in stage.broker.capabilities
    assert verdicts == VERDICTS | (IN_A_TRANSACTION if joins else {"complete_in": "unsupported"})
    if second_run is not None:
        assert (await stage.job(id)).job.state is State.RUNNING
        second_run()
        await stage.final(id)
    await assert_second_run_alone_is_stored(stage, id, heir)
    detail = await stage.job(id)
    assert (detail.job.progress != 99, list(detail.logs)) == (True, [])
    _, second = stage.runs(id)
    held = stage.ledger().claims[id, second.token]
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert held.lease_until < now + LEASE * 1e9, "the zombie has prolonged another's lease"


@in_both_cases
@pytest.mark.parametrize("self_fence", [True, False])
async def test_an_outcome_that_comes_too_late_is_not_written_and_the_daemon_says_so(
    stage: Stage, second_run: Go | None, self_fence: bool
) -> None:
    id, zombie, heir = await taken_over(stage, "return_late", self_fence=self_fence)
    if second_run is None:
        await stage.final(id)
    zombie.signal(signal.SIGCONT)
    told = await zombie.says("lease lost: the run ended too late, and its outcome is not written")
    assert (told["job_id"], told["where"]) == (id, "settle")
    assert stage.runs(id)[0].done is not None
    if second_run is not None:
        second_run()
        await stage.final(id)
    await assert_second_run_alone_is_stored(stage, id, heir)
    assert await zombie.stop() == 0


@in_both_cases
@pytest.mark.parametrize("self_fence", [True, False])
async def test_a_zombie_that_would_go_on_is_stopped(
    stage: Stage, second_run: Go | None, self_fence: bool
) -> None:
    id, zombie, heir = await taken_over(stage, "hold", self_fence=self_fence)
    if second_run is None:
        await stage.final(id)
    zombie.signal(signal.SIGCONT)
    told = await zombie.says("lease ", job_id=id)
    # Where the store is slow to answer, a zombie that fences itself need not wait for the verdict.
    assert told["where"] == "renew" or (self_fence and told["where"] == "self_fence")
    await stage.told.next("cut", id, str(zombie.pid))
    if second_run is not None:
        second_run()
        await stage.final(id)
    await assert_second_run_alone_is_stored(stage, id, heir)
    assert await zombie.stop() == 0


@on_sqlite
async def test_news_of_a_zombie_are_not_written(stage: Stage, second_run: Go | None) -> None:
    id, zombie, heir = await taken_over(
        stage, "report_late", {"flushed_every": 0.1}, progress_flush_interval=0.1
    )
    if second_run is None:
        await stage.final(id)
    zombie.signal(signal.SIGCONT)
    told = await zombie.says("lease lost: the run's progress is not written")
    assert (told["job_id"], told["where"]) == (id, "report")
    await stage.told.next("cut", id, str(zombie.pid))
    if second_run is not None:
        second_run()
        await stage.final(id)
    await assert_second_run_alone_is_stored(stage, id, heir)
    detail = await stage.job(id)
    assert (detail.job.progress_message, list(detail.logs)) == (None, [])
    assert await zombie.stop() == 0
