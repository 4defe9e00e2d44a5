import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from depths import Extent, depths
from loads import DAY, Backlog, batches, jobs_of, load
from turns import Depth, Side, Turn, median, turn, work_off

from stoker.brokers.memory import MemoryBroker
from stoker.daemon.measuring.stores import Files
from stoker.jobs.patterns import QueueSet

SMALL = Extent(shallow=200, deep=10_000, turns=2, worked_off=1_000)


def test_a_backlog_has_as_many_jobs_of_each_queue_and_priority() -> None:
    jobs = list(jobs_of(Backlog(12, ("a", "b"), priorities=(3, 4), delay=DAY)))
    assert Counter((job.queue, job.priority) for job in jobs) == dict.fromkeys(
        [("a", 3), ("a", 4), ("b", 3), ("b", 4)], 3
    )
    assert {job.delay for job in jobs} == {DAY} and len({job.id for job in jobs}) == 12


def test_batches_are_full_but_for_the_last() -> None:
    assert [len(batch) for batch in batches(jobs_of(Backlog(25)), 10)] == [10, 10, 5]


def test_the_median_is_that_of_each_figure() -> None:
    turns = [Turn(1.0, 9.0, 10.0), Turn(3.0, 5.0, 8.0), Turn(2.0, 7.0, 9.0)]
    assert median(turns) == Turn(2.0, 7.0, 9.0)


async def test_a_turn_leaves_as_many_ready_jobs_as_there_were() -> None:
    async with MemoryBroker() as broker:
        await load(broker, [Backlog(250, ("a",), priorities=(1, 2))])
        await turn(Side(broker, QueueSet()))
        (queue,) = await broker.queues()
        assert (queue.counts.ready, queue.counts.completed) == (250, 100)


async def test_what_is_worked_off_is_gone() -> None:
    async with MemoryBroker() as broker:
        await load(broker, [Backlog(500)])
        await work_off(Side(broker, QueueSet()), 300, batch=100)
        (queue,) = await broker.queues()
        assert (queue.counts.ready, queue.counts.completed) == (200, 300)


async def test_a_claim_that_gets_too_little_is_no_measurement() -> None:
    async with MemoryBroker() as broker:
        await load(broker, [Backlog(50)])
        with pytest.raises(RuntimeError, match="a claim of 100 got 50"):
            await turn(Side(broker, QueueSet()))


async def test_every_situation_of_an_engine_is_measured(tmp_path: Path) -> None:
    told: list[str] = []
    found = await depths("sqlite", Files(tmp_path), SMALL, tell=told.append)
    assert [one.name for one in found] == [
        "10,000 pending, just loaded",
        "10,000 pending",
        "a small queue beside 10,000 pending",
        "10,000 pending, no vacuum since 1,000 jobs",
        "10,000 delayed, of a higher priority",
        "1,000 queues, claimed by *",
        "1,000 queues, of which 10 are named",
        "1,000 queues, all of them named",
    ]
    assert all(isinstance(one, Depth) and 0 < one.deep.claim < one.deep.both for one in found)
