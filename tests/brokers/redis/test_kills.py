import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import new_jobs
from stoker.jobs.job import NewJob
from stoker.jobs.operating import Counts

from .conftest import NewServer, eventually

LIMIT = 60.0
"""Seconds."""
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
ROUNDS, SOME, BATCH = 3, 2000, 100
HANDLERS = """
from stoker.handlers import handler

@handler("kills.noop")
async def noop() -> None:
    return None
"""


@contextmanager
def daemon(folder: Path, broker: str) -> Iterator["subprocess.Popen[bytes]"]:
    (folder / "work.py").write_text(HANDLERS)
    (folder / "config.yaml").write_text(
        f"broker: {broker}\nmax_concurrency: 20\nlease: 2s\nhandlers: [work]\n"
        "web: {enabled: false}\nlog: {level: error}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "stoker.daemon", "run", "--config", str(folder / "config.yaml")]
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def put_in(broker: Broker, jobs: list[NewJob]) -> None:
    """A few at a time, each until it is acknowledged."""
    for begin in range(0, len(jobs), BATCH):
        some = jobs[begin : begin + BATCH]
        await eventually(lambda: broker.enqueue(some))  # noqa: B023


async def done(broker: Broker, number: int) -> Counts:
    """The counts, once so many jobs are completed."""
    while True:
        (queue,) = await eventually(broker.queues)
        if queue.counts.completed >= number:
            return queue.counts
        await anyio.sleep(0.002)  # sleeps: the daemon tells nobody how far it is


@pytest.mark.slow
async def test_no_job_is_lost_while_servers_and_daemons_are_killed(
    new_redis: NewServer, tmp_path: Path
) -> None:
    jobs = new_jobs(ROUNDS * 2 * SOME, type="kills.noop")
    with new_redis(*EVERYSEC) as server, anyio.fail_after(LIMIT):
        broker = connect(server.address)
        with server.serving():
            await broker.__aenter__()
            await broker.migrate()
        for begin in range(0, len(jobs), 2 * SOME):
            with server.serving() as process, daemon(tmp_path, server.address):
                await put_in(broker, jobs[begin : begin + SOME])
                await done(broker, begin + SOME // 2)
                process.kill()
            with server.serving(), daemon(tmp_path, server.address) as worker:
                await put_in(broker, jobs[begin + SOME : begin + 2 * SOME])
                await done(broker, begin + SOME + SOME // 2)
                worker.kill()
        with server.serving(), daemon(tmp_path, server.address):
            end = await done(broker, len(jobs))
            await broker.__aexit__(None, None, None)
    assert (end.completed, end.total) == (len(jobs), len(jobs))
