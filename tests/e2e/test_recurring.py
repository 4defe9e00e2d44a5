"""Recurring jobs with real daemons: they come and go, and each slot gives one job."""

from datetime import timedelta

import anyio
import pytest

from stoker.jobs.ids import derived_id
from stoker.jobs.operating import Query
from stoker.jobs.state import State

from .daemon import Daemon
from .engines import on_every_engine
from .stage import Stage
from .told import LIMIT

pytestmark = pytest.mark.slow

EACH_SECOND = {"append": {"every": "1s", "overlap": "allow", "catchup": "all"}}


async def slots_made(stage: Stage, *daemons: Daemon, count: int) -> None:
    """Wait until these have said, all of them together, that so many slots became jobs."""
    with anyio.fail_after(LIMIT):
        while sum(len(line.get("job_ids", ())) for one in daemons for line in one.lines) < count:
            await stage.hears(1)


@on_every_engine
async def test_each_slot_gives_one_job_while_daemons_are_killed(stage: Stage) -> None:
    first = await stage.start(cron=EACH_SECOND)
    second = await stage.start(cron=EACH_SECOND)
    await slots_made(stage, first, second, count=2)
    await first.kill()
    third = await stage.start(cron=EACH_SECOND)
    await slots_made(stage, second, third, count=3)
    assert [await second.stop(), await third.stop()] == [0, 0]
    page = await stage.broker.find(Query(), limit=1000)
    (row,) = (await stage.broker.recurring()).items
    assert (row.name, row.owner) == ("append", "config")
    assert row.last_slot is not None
    # By their ids, which say the slot: the next run of a job that a kill has hit is scheduled later.
    slots = [row.last_slot - timedelta(seconds=number) for number in range(len(page.items))]
    wanted = {derived_id(row.queue, row.id, slot.timestamp()) for slot in slots}
    assert {job.id for job in page.items} == wanted
    assert {job.recurring_id for job in page.items} == {row.id}
    assert {job.state for job in page.items} <= {State.COMPLETED, State.PENDING, State.RUNNING}


async def test_the_workers_of_a_daemon_declare_what_their_parent_schedules(stage: Stage) -> None:
    daemon = await stage.start(processes=2, cron=EACH_SECOND)
    await slots_made(stage, daemon, count=2)
    assert await daemon.stop() == 0
    assert len((await stage.broker.recurring()).items) == 1


async def test_a_schedule_that_cannot_be_read_refuses_to_start(stage: Stage) -> None:
    daemon = await stage.launch(cron={"append": "61 * * * *"})
    with anyio.fail_after(LIMIT):
        assert await daemon.ended() == 1
    assert "'61 * * * *' is no schedule: the minute 61" in daemon.lines[-1]["event"]
