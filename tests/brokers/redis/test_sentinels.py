from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis import Redis

from stoker.brokers import connect
from stoker.brokers.conformance.making import ending, ids_of, new_jobs, take
from stoker.jobs.errors import BrokerUnavailable

from .conftest import NewServer, OwnServer, until

SENTINELS = 3
WITHIN = 30.0
"""Seconds that a failover may take."""


class Watched:
    """A master with a replica, and sentinels that watch them."""

    def __init__(self, new_redis: NewServer, folder: Path, stack: ExitStack) -> None:
        self.master = stack.enter_context(new_redis())
        self.process = stack.enter_context(self.master.serving())
        self.replica = stack.enter_context(new_redis("--replicaof", "127.0.0.1", str(self.master.port)))
        stack.enter_context(self.replica.serving())
        self.sentinels: list[OwnServer] = []
        for number in range(SENTINELS):
            config = folder / f"sentinel-{number}.conf"
            config.write_text(
                f"sentinel monitor jobs 127.0.0.1 {self.master.port} 2\n"
                "sentinel down-after-milliseconds jobs 500\n"
                "sentinel failover-timeout jobs 3000\n"
            )
            sentinel = stack.enter_context(new_redis(sentinel=config))
            stack.enter_context(sentinel.serving())
            self.sentinels.append(sentinel)

    @property
    def address(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/jobs"

    def is_ready(self) -> bool:
        """Whether all know of all, and the replica has what the master has."""
        for sentinel in self.sentinels:
            with Redis(port=sentinel.port) as client:
                known: Any = client.sentinel_master("jobs")
            if (known["num-slaves"], known["num-other-sentinels"]) != (1, SENTINELS - 1):
                return False
        with Redis(port=self.replica.port) as client:
            return bool(client.info("replication")["master_link_status"] == "up")


@pytest.fixture
def watched(new_redis: NewServer, tmp_path: Path) -> Iterator[Watched]:
    with ExitStack() as stack:
        yield Watched(new_redis, tmp_path, stack)


@pytest.mark.slow
async def test_after_a_failover_work_goes_on_with_the_new_master(watched: Watched) -> None:
    await until(watched.is_ready, within=WITHIN)
    async with connect(watched.address) as broker:
        jobs = new_jobs(20)
        await broker.enqueue(jobs)
        claims = await take(broker, 10)
        with Redis(port=watched.master.port) as client:
            client.wait(1, 5000)
        watched.process.kill()
        with anyio.fail_after(WITHIN):
            while True:
                try:
                    verdicts = await broker.settle([ending(claim) for claim in claims])
                    break
                except BrokerUnavailable:
                    await anyio.sleep(0.1)  # sleeps: nobody tells that there is a new master
        assert verdicts == ["accepted"] * 10
        assert sorted(ids_of(claims) + ids_of(await take(broker))) == ids_of(jobs)
    with Redis(port=watched.replica.port) as client:
        assert client.info("replication")["role"] == "master"


async def test_sentinels_that_know_no_such_service_are_an_outage(new_redis: NewServer) -> None:
    with new_redis() as server, server.serving():
        broker = connect(f"redis+sentinel://127.0.0.1:{server.port}/jobs")
        with pytest.raises(BrokerUnavailable, match="'jobs'"):
            await broker.__aenter__()
