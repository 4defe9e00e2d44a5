import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.brokers import Broker
from stoker.client import Client, JobFilter, SyncClient
from stoker.client.sync_handle import SyncJobHandle
from stoker.jobs.calls import Call
from stoker.jobs.errors import InvalidJob, InvalidPayload, JobFailed, JobNotFound, UniqueConflict
from stoker.jobs.outcome import Done, Raised
from stoker.jobs.state import State

from .conftest import Report, Worker, generate, once, plain


@pytest.fixture
def sync(url: str) -> Iterator[SyncClient]:
    with SyncClient(url, create=True) as client:
        yield client


def run(sync: SyncClient, ending: Any = None) -> None:
    """Be a worker for one job, on the loop of the client."""

    async def work(client: Client) -> None:
        await Worker(client.broker).run(ending)

    sync._reach.run(work)


def public(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(value)
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_has_the_methods_of_the_client_with_the_same_parameters() -> None:
    theirs = public(Client)
    mine = public(SyncClient)
    assert mine.keys() - theirs.keys() == {"close"}
    assert theirs.keys() - mine.keys() == set()
    for name in theirs:
        assert list(mine[name].parameters.values()) == list(theirs[name].parameters.values()), name


def test_everything_works_without_await(sync: SyncClient) -> None:
    handle = sync.enqueue(generate.bind("a"), priority=9)
    assert handle.created
    assert sync.status(handle.id).priority == 9
    assert sync.job(handle.id).job.type == "reports.generate"
    run(sync, Done(b'{"path":"a","rows":1}'))
    assert handle.result(timeout=5) == Report("a", 1)
    assert sync.handle(handle.id, returns=Report).result() == Report("a", 1)
    handles = sync.enqueue_many([plain.bind(), ("plain", {"number": 3})])
    assert sync.cancel(handles[0].id, reason="no") == "cancelled"
    assert handles[1].cancel("no") == "cancelled"
    assert sync.retry(JobFilter(states=["cancelled"])) == 2
    assert sync.cancel(JobFilter(types=["plain"])) == 2
    sync.retry(handles[0].id)
    handles[1].retry()
    assert handles[1].status().state is State.PENDING
    assert [job.id for job in sync.jobs(limit=1).items] == [handles[1].id]
    sync.pause("default", wait=True)
    assert [queue.pause is None for queue in sync.queues()] == [False, True]
    assert sync.resume("default")
    assert (sync.workers(), sync.types()) == ([], {})
    assert sync.enqueue_many([]) == []
    assert repr(handle) == f"<job {handle.id}>"


def test_errors_come_out_as_they_are(sync: SyncClient) -> None:
    sync.enqueue(once.bind(1))
    with pytest.raises(UniqueConflict):
        sync.enqueue(once.bind(1))
    with pytest.raises(InvalidPayload):
        sync.enqueue("plain", {"number": "a\0"})
    with pytest.raises(JobNotFound):
        sync.status("42")
    handle = sync.enqueue(plain.bind())
    with pytest.raises(TimeoutError, match="has not ended within 10ms: it is pending"):
        handle.result(timeout=0.01)
    sync.cancel(JobFilter(types=["once"]))
    run(sync, Raised("ValueError: no", for_good=True))
    with pytest.raises(JobFailed, match="ValueError: no"):
        handle.result(timeout=5)


def test_of_many_the_wrong_one_is_named(sync: SyncClient) -> None:
    wrong: Any = [plain.bind(), "plain"]
    with pytest.raises(InvalidJob, match="job 2: 'plain' is no job"):
        sync.enqueue_many(wrong)
    assert sync.queues() == []


def test_the_list_of_calls_is_read_in_the_callers_thread(sync: SyncClient) -> None:
    threads = []

    def calls() -> Iterator[Call[int]]:
        for number in range(3):
            threads.append(threading.current_thread())
            yield plain.bind(number)

    assert len(sync.enqueue_many(calls())) == 3
    assert set(threads) == {threading.current_thread()}


def test_a_waiting_thread_is_woken_when_the_job_ends(sync: SyncClient) -> None:
    handle = sync.enqueue(plain.bind())
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(handle.result, "1m")
        run(sync, Done(b"7"))
        assert waiting.result(timeout=10) == 7


def test_many_threads_share_one_connection(file: str) -> None:
    sync = SyncClient(file)
    start = threading.Barrier(8)

    def enqueue(number: int) -> list[str]:
        start.wait(10)
        return [sync.enqueue(plain.bind(number)).id for _ in range(25)]

    with ThreadPoolExecutor(8) as threads:
        ids = [id for part in threads.map(enqueue, range(8)) for id in part]
    assert len(set(ids)) == 200
    assert len(loops()) == 1
    assert sum(queue.counts.ready for queue in sync.queues()) == 200
    sync.close()
    assert loops() == []


def loops() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stoker-client"]


def test_it_connects_on_first_use_and_anew_after_being_closed(file: str) -> None:
    sync = SyncClient(file)
    assert loops() == []
    handle = sync.enqueue(plain.bind())
    assert len(loops()) == 1
    sync.close()
    sync.close()
    assert loops() == []
    assert handle.status().state is State.PENDING
    sync.close()


def test_a_client_that_cannot_connect_says_why_each_time(tmp_path: Path) -> None:
    from stoker.jobs.errors import BrokerRefused

    sync = SyncClient(f"sqlite:///{tmp_path / 'missing.db'}")
    for _ in range(2):
        with pytest.raises(BrokerRefused, match="there is no database"):
            sync.queues()
    assert loops() == []


def test_a_relative_path_is_of_where_the_client_was_made(
    file: str, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    sync = SyncClient("sqlite:///jobs.db")
    monkeypatch.chdir("/")
    assert sync.queues() == []
    sync.close()


def test_it_can_be_made_from_a_configuration(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STOKER__BROKER", raising=False)
    config = tmp_path / "config.yaml"
    config.write_text("broker: sqlite:///jobs.db\nmax_payload: 100\n")
    with SyncClient.from_config(config) as sync:
        assert sync.queues() == []
        with pytest.raises(InvalidPayload, match="at most 100"):
            sync.enqueue("who.knows", {"a": "b" * 100})


def test_a_broker_is_refused(file: str) -> None:
    broker: Any = object()
    with pytest.raises(TypeError, match=r"SyncClient takes a URL, not a object: .*SyncClient\.over"):
        SyncClient(broker)


async def test_a_coroutine_may_use_it_and_blocks_meanwhile(sync: SyncClient) -> None:
    handle = sync.enqueue(plain.bind())
    assert handle.status().state is State.PENDING


# Over a client that somebody else has


async def test_a_thread_reaches_the_client_of_a_loop(broker: Broker) -> None:
    async with Client(broker) as client:
        over = SyncClient.over(client, asyncio.get_running_loop())

        def in_thread() -> SyncJobHandle[int]:
            with over:
                handle = over.enqueue(plain.bind())
                assert handle.status().state is State.PENDING
            return handle  # leaving it has closed nothing

        with anyio.fail_after(10):
            handle = await asyncio.to_thread(in_thread)
            waiting = asyncio.ensure_future(asyncio.to_thread(handle.result, 10))
            await Worker(broker).run(Done(b"7"))
            assert await waiting == 7


async def test_on_that_loop_itself_it_would_wait_for_ever_and_is_refused(client: Client) -> None:
    over = SyncClient.over(client, asyncio.get_running_loop())
    with pytest.raises(RuntimeError, match="await the client instead"):
        over.queues()
