import os
import random
import secrets
import time

import anyio
import pytest

from .daemon import STARTED
from .engines import on_every_engine
from .stage import Stage
from .witnesses import miscounts, overlaps

pytestmark = pytest.mark.slow

ROUNDS = {"sqlite": 20}
OTHERWISE = int(os.environ.get("E2E_ROUNDS") or 6)
"""On servers, unless it is asked for more: E2E_ROUNDS=20 kills amid 20,000 jobs there as well."""
LEASE = 1.5
EACH_TIME = 900
AT_FIRST = 2000
KINDS = ("append", "append", "append", "append_thread")
SECONDS_OF_A_JOB = 0.002
LINES_OF_A_JOB = 2
MOST_LINES = LINES_OF_A_JOB * EACH_TIME * 3 // 4
"""Between two kills: fewer than the jobs of one round come to, so that a kill never waits for work that
is done already, however fast the daemons are, and always finds some."""
VICTIMS = ((0,), (1,), (0,), (1,), (0, 1))
"""One of the two daemons, and now and then both."""


async def enqueue(stage: Stage, count: int) -> list[str]:
    parts = [
        await stage.enqueue_many(count // len(KINDS), kind, seconds=SECONDS_OF_A_JOB) for kind in KINDS
    ]
    return [job for part in parts for job in part]


@on_every_engine
async def test_kills_under_load_lose_no_job_and_run_none_twice_at_once(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    rounds = ROUNDS.get(request.node.callspec.params["stage"], OTHERWISE)
    all_jobs = AT_FIRST + rounds * EACH_TIME
    seed = int(os.environ.get("E2E_SEED") or secrets.randbits(32))
    print(f"E2E_SEED={seed}")
    chance = random.Random(seed)
    began = time.monotonic()

    jobs = await enqueue(stage, AT_FIRST)
    daemons = [await stage.launch(lease=LEASE) for _ in range(2)]
    for _ in range(rounds):
        jobs += await enqueue(stage, EACH_TIME)
        await stage.hears(chance.randrange(1, MOST_LINES))
        await anyio.sleep(chance.uniform(0, 0.02))  # sleeps: a moment that no event marks
        for victim in chance.choice(VICTIMS):
            await daemons[victim].kill()
            daemons[victim] = await stage.launch(lease=LEASE)
    await stage.all_final(jobs)
    for daemon in daemons:
        await daemon.says(STARTED)
    assert [await daemon.stop() for daemon in daemons] == [0, 0]

    counts = await stage.counts()
    assert (counts.completed, counts.total) == (all_jobs, all_jobs)
    runs, ledger = stage.all_runs(), stage.ledger()
    assert list(miscounts(jobs, runs, ledger)) == []
    assert list(overlaps(runs, ledger, stage.killed())) == []
    assert stage.store.wrongs() == []
    kills = len(stage.daemons) - len(daemons)
    again = sum(len(of_job) - 1 for of_job in runs.values())
    print(f"{all_jobs} jobs, {kills} kills, {again} reruns, {time.monotonic() - began:.1f} s")
    assert kills >= rounds
    assert again > 0, "no kill hit a run: nothing was tried"
