import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoker.brokers.connecting import connect
from stoker.client import Client
from stoker.daemon.runs.concluding import NOT_COMMITTED
from stoker.daemon.runs.reach import Reach
from stoker.handlers import Context, handler
from stoker.jobs.ids import IdSource
from stoker.jobs.job import NewJob
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Any]:
    async with connect(f"sqlite:///{tmp_path / 'jobs.db'}", create=True) as broker:
        yield broker


@pytest.fixture
async def settled(workplace, database) -> Any:
    """Runs a job of this handler in a workplace that reaches the database, and settles it."""

    async def settled(one: Any) -> tuple[str, Any]:
        async with Client(database) as client:
            reach = Reach(database, client)
            place = workplace(one, services=reach)
            reach.records = place.runs.records
            job = NewJob(id=IdSource().next("default"), type=one.name)
            await database.enqueue([job])
            claims = await database.claim(QueueSet(), 1, worker="worker-1", token="token", lease=15.0)
            place.begin(*claims)
            [verdict] = await database.settle(await place.settlements())
        return verdict, await database.detail(job.id)

    return settled


def completing(file: Path, *, commit: bool, fail: bool = False) -> Any:
    @handler("work")
    async def work(ctx: Context) -> None:
        ctx.log("before")
        ctx.progress(90, "nearly")
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS effect (id)")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO effect VALUES (1)")
            await ctx.complete_in(connection, 5)
            if fail:
                raise ValueError("no")
            if commit:
                connection.commit()

    return work


def effects(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM effect")
        return int(count)


async def test_effects_and_completion_are_committed_together(settled, database) -> None:
    verdict, detail = await settled(completing(database.path, commit=True))
    assert verdict == "already"
    assert (detail.job.state, bytes(detail.job.result)) == (State.COMPLETED, b"5")
    assert detail.history == ()
    assert effects(database.path) == 1


async def test_what_was_said_before_is_kept_with_the_completion(settled, database) -> None:
    _, detail = await settled(completing(database.path, commit=True))
    assert [line.message for line in detail.logs] == ["before"]
    assert (detail.job.progress, detail.job.progress_message) == (90, "nearly")


async def test_without_the_commit_the_job_is_not_completed_and_runs_again(settled, database) -> None:
    verdict, detail = await settled(completing(database.path, commit=False))
    assert verdict == "accepted"
    assert (detail.job.state, detail.job.error) == (State.RETRYING, NOT_COMMITTED.error)
    assert [line.message for line in detail.logs] == ["before"]
    assert effects(database.path) == 0


async def test_a_failure_after_it_rolls_both_back(settled, database) -> None:
    verdict, detail = await settled(completing(database.path, commit=False, fail=True))
    assert verdict == "accepted"
    assert (detail.job.state, detail.job.error) == (State.RETRYING, "ValueError: no")
    assert [line.message for line in detail.logs] == ["before"]
    assert effects(database.path) == 0
