from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import new_job
from stoker.client import Client
from stoker.daemon.measuring.handlers import DATA, QUEUE, noop
from stoker.daemon.measuring.measures import fill
from stoker.daemon.measuring.stores import Files, given
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.operating import Worker


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'given.db'}"


@pytest.fixture
async def broker(url: str) -> AsyncIterator[Broker]:
    async with connect(url, create=True) as broker:
        yield broker


async def test_files_are_others_each_time(tmp_path: Path) -> None:
    files = Files(tmp_path)
    async with files.empty() as first, files.empty() as second:
        assert first.url != second.url


async def test_a_store_with_jobs_is_refused_and_stays_as_it_is(url: str, broker: Broker) -> None:
    await broker.enqueue([new_job(queue="mail")])
    with pytest.raises(BrokerRefused, match="has jobs \\(1 in queue 'mail'\\)"):
        async with given(url):
            pass
    assert [queue.counts.ready for queue in await broker.queues()] == [1]


async def test_a_store_that_a_daemon_works_on_is_refused(url: str, broker: Broker) -> None:
    await broker.announce(Worker(name="host:1", slots=1))
    with pytest.raises(BrokerRefused, match="has a daemon \\(host:1\\)"):
        async with given(url):
            pass


async def test_what_one_measure_leaves_does_not_meet_the_next(url: str, broker: Broker) -> None:
    async with given(url) as stores:
        async with stores.empty():
            await fill(Client(broker), noop.bind(DATA), 10)
        (queue,) = await broker.queues()
        assert (queue.counts.queue, queue.counts.ready, queue.counts.cancelled) == (QUEUE, 0, 10)


async def test_no_job_is_left_in_the_end_and_it_may_be_given_again(url: str, broker: Broker) -> None:
    async with given(url) as stores, stores.empty():
        await fill(Client(broker), noop.bind(DATA), 10)
    (queue,) = await broker.queues()
    assert (queue.counts.cancelled, queue.counts.pruned) == (0, 10)
    async with given(url):
        pass
