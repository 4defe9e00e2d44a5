import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from bare_loop import bare_loop

from stoker.brokers import connect
from stoker.daemon.measuring.stores import Store

JOBS = 250


async def check(engine: str, url: str) -> None:
    assert await bare_loop(engine, Store(url), JOBS) > 0
    async with connect(url) as broker:
        (queue,) = await broker.queues()
        assert queue.counts.completed == JOBS


async def test_sqlites_bare_loop_completes_all_jobs(tmp_path: Path) -> None:
    await check("sqlite", f"sqlite:///{tmp_path / 'bare.db'}")


async def test_postgres_bare_loop_completes_all_jobs(postgres_url: str) -> None:
    await check("postgres", postgres_url)


@pytest.mark.parametrize("engine", ["redis", "valkey"])
async def test_redis_bare_loop_completes_all_jobs(
    engine: str, empty_redis: Callable[[str], str]
) -> None:
    await check(engine, empty_redis(engine))
