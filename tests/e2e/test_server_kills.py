import os
import time
from typing import cast

import anyio
import msgspec
import pytest

from stoker.brokers.conformance.making import ids_of, new_jobs
from stoker.jobs.errors import BrokerUnavailable

from .engines import on_every_server
from .stage import Stage
from .stores.store import Server
from .witnesses import miscounts, overlaps, unclaimed

pytestmark = pytest.mark.slow

JOBS = 20_000
"""That are acknowledged, before the producer ends."""
KILLS = int(os.environ.get("E2E_KILLS") or 3)
SECONDS_OF_A_JOB = float(os.environ.get("E2E_SECONDS_OF_A_JOB") or 0.012)
"""With two daemons of 16 slots, 0.04 makes it five seconds and more between the kills."""
LEASE = 2.0
QUEUES = [f"queue-{number}" for number in range(10)]
"""So many that each node of a cluster has some."""
BATCH = 100
LINES_OF_A_JOB = 2
MORE_THAN_IN_FLIGHT = 500
"""Lines; what was claimed before the kill may still say less than that after it."""
AHEAD = 1000
"""Jobs that the producer may be ahead of the daemons: there is always work, and never all of it."""
BETWEEN_KILLS = LINES_OF_A_JOB * (JOBS - 2 * AHEAD) // (KILLS + 1)
"""Lines; the producer still goes on at the last of them."""


class Producer:
    """Enqueues batch after batch, also where nobody answers, and remembers what was acknowledged."""

    def __init__(self, stage: Stage) -> None:
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        """Asked for, and no answer came."""
        self.refused = anyio.Event()
        self._stage = stage

    async def run(self) -> None:
        payload = msgspec.json.encode({"seconds": SECONDS_OF_A_JOB})
        while len(self.acknowledged) < JOBS:
            jobs = [
                job
                for queue in QUEUES
                for job in new_jobs(BATCH // len(QUEUES), queue, type="append", payload=payload)
            ]
            try:
                await self._stage.broker.enqueue(jobs)
            except BrokerUnavailable:
                self.unknown += ids_of(jobs)
                self.refused.set()
                self.refused = anyio.Event()
                await anyio.sleep(0.1)  # sleeps: as whoever was refused does
            else:
                self.acknowledged += ids_of(jobs)
                await self._until_not_far_ahead()

    async def _until_not_far_ahead(self) -> None:
        while len(self.acknowledged) - self._stage.lines // LINES_OF_A_JOB > AHEAD:
            with anyio.move_on_after(0.5):  # in an outage nothing is said, and it goes on
                await self._stage.hears(LINES_OF_A_JOB * BATCH)
                continue
            return


@on_every_server
async def test_servers_killed_under_twenty_thousand_jobs_lose_none_and_work_goes_on_by_itself(
    stage: Stage,
) -> None:
    server, producer = cast(Server, stage.store), Producer(stage)
    daemons = [await stage.start(lease=LEASE) for _ in range(2)]
    outages: list[tuple[float, float]] = []
    began = up = time.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(producer.run)
        for kill in range(KILLS):
            await stage.hears(BETWEEN_KILLS - (MORE_THAN_IN_FLIGHT if kill else 0))
            lasted = time.monotonic() - up
            server.kill()
            with anyio.fail_after(LEASE):
                await producer.refused.wait()
            if kill == 0:
                for daemon in daemons:
                    told = await daemon.says("the store does not answer; trying until it does")
                    assert server.shown in told["error"]
            server.start()
            up = time.monotonic()
            await stage.hears(MORE_THAN_IN_FLIGHT)
            outages.append((lasted, time.monotonic() - up))
    for daemon in daemons:
        await daemon.says("the store answers again")
    await stage.all_final(producer.acknowledged)
    took = time.monotonic() - began
    present = [job.id for job in await stage.broker.get(producer.unknown) if job is not None]
    await stage.all_final(present)
    assert not [line for daemon in daemons for line in daemon.said("actor fell")]
    assert [await daemon.stop() for daemon in daemons] == [0, 0]

    jobs = producer.acknowledged + present
    counts = [info.counts for info in await stage.broker.queues()]
    assert sum(each.completed for each in counts) == sum(each.total for each in counts) == len(jobs)
    runs, ledger = stage.all_runs(), stage.ledger()
    assert list(miscounts(jobs, runs, ledger)) == []
    forgotten = len(unclaimed(runs, ledger))
    assert list(overlaps(runs, ledger, killed={}, forgetful=server.forgetful)) == []
    assert stage.store.wrongs() == []
    again = sum(len(of_job) - 1 for of_job in runs.values())
    answers = f"{len(present)} of {len(producer.unknown)} unanswered"
    print(f"{len(jobs)} jobs ({answers}), {forgotten} claims forgotten, {again} reruns")
    print(f"{took:.1f} s; up until killed, down until at work: {_rounded(outages)}")


def _rounded(outages: list[tuple[float, float]]) -> str:
    return ", ".join(f"{up:.1f} {resumed:.2f}" for up, resumed in outages)
