import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from stoker.brokers import Broker
from stoker.brokers.conformance.making import (
    ending,
    finish,
    new_job,
    new_jobs,
    start,
    take,
)
from stoker.brokers.conformance.promises.hints import comes, listening, ready
from stoker.brokers.sqlite import hints, writer
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.hints import Hints, Listener
from stoker.brokers.sqlite.transaction import Notes
from stoker.brokers.sqlite.wake import folder_of
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup
from stoker.jobs.state import State

from .conftest import Connect

SOON = 15.0
NEVER = 3600.0
LISTEN = """
import asyncio, sys
from stoker.brokers import connect
from stoker.brokers.sqlite import writer

writer.OTHERS_LOOK = 3600.0  # only a letter can wake this process

async def listen():
    async with connect(sys.argv[1]) as broker:
        async for wakeup in broker.wakeups():
            print(wakeup.kind, *wakeup.queues, *wakeup.ids, flush=True)

asyncio.run(listen())
"""
ENQUEUE = """
import asyncio, sys
from stoker.brokers import connect
from stoker.brokers.conformance.making import new_job

async def enqueue():
    async with connect(sys.argv[1]) as broker:
        await broker.enqueue([new_job("mail")])

asyncio.run(enqueue())
"""
SETTLE = """
import asyncio, sys
from stoker.brokers import connect
from stoker.brokers.conformance.making import finish, take

async def settle():
    async with connect(sys.argv[1]) as broker:
        (claim,) = await take(broker)
        await finish(broker, claim, result=b"42")

asyncio.run(settle())
"""


@pytest.fixture
def only_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the data version, or again at a job: what is not told is not noticed."""
    monkeypatch.setattr(writer, "OTHERS_LOOK", NEVER)
    monkeypatch.setattr(hints, "SETTLED_LOOK", NEVER)


@asynccontextmanager
async def waiting(broker: Broker, id: str) -> AsyncIterator[None]:
    """Waits for the job's end during the block, which must bring it about."""

    async def wait() -> Job | None:
        return await broker.settled(id, 2 * SOON)

    with anyio.fail_after(SOON):
        task = asyncio.ensure_future(wait())
        try:
            await anyio.wait_all_tasks_blocked()
            yield
            job = await task
        finally:
            task.cancel()
    assert job is not None and job.state.final


@pytest.mark.usefixtures("only_letters")
async def test_a_letter_wakes_another_instance(broker: SqliteBroker, second: SqliteBroker) -> None:
    async with listening(second) as wakeups:
        await broker.enqueue([new_job("mail")])
        assert await comes(wakeups, ready("mail"))


@pytest.mark.usefixtures("only_letters")
async def test_a_letter_tells_another_instance_that_a_job_has_ended(
    broker: SqliteBroker, second: SqliteBroker
) -> None:
    claim = await start(broker)
    async with waiting(second, claim.id):
        await finish(broker, claim)


@pytest.mark.usefixtures("only_letters")
async def test_an_instance_needs_no_letter_for_what_it_did_itself(
    broker: SqliteBroker, path: Path
) -> None:
    claim = await start(broker)
    await anyio.Path(folder_of(path)).touch()  # so that there can be no letterboxes
    async with waiting(broker, claim.id):
        await finish(broker, claim)
    async with listening(broker) as wakeups:
        await broker.enqueue([new_job("mail")])
        assert await comes(wakeups, ready("mail"))


async def test_without_letterboxes_the_data_version_tells(
    broker: SqliteBroker, second: SqliteBroker, path: Path
) -> None:
    await anyio.Path(folder_of(path)).touch()
    claim = await start(broker)
    async with listening(second) as wakeups:
        await broker.enqueue([new_job("mail")])
        assert await comes(wakeups, ready("mail"))
    async with waiting(second, claim.id):
        await finish(broker, claim)


async def test_what_a_caller_commits_is_noticed(broker: SqliteBroker, connect: Connect) -> None:
    with connect() as connection:
        async with listening(broker) as wakeups:
            await broker.enqueue_in(connection, [new_job("mail")])
            connection.commit()
            assert await comes(wakeups, ready("mail"))


async def test_an_enqueue_of_another_process_wakes_a_listener(path: Path, broker: SqliteBroker) -> None:
    command = [sys.executable, "-c", LISTEN, f"sqlite:///{path}"]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            lines = BufferedByteReceiveStream(process.stdout)
            try:
                assert await lines.receive_until(b"\n", 10_000) == b"ready"
                await broker.enqueue([new_job("mail")])
                assert await lines.receive_until(b"\n", 10_000) == b"ready mail"
                (claim,) = await take(broker)
                await broker.cancel([claim.id])
                assert await lines.receive_until(b"\n", 10_000) == f"cancel {claim.id}".encode()
                await broker.pause("mail")
                assert await lines.receive_until(b"\n", 10_000) == b"pause"
            finally:
                process.kill()


@pytest.mark.usefixtures("only_letters")
async def test_listeners_here_are_woken_by_another_process(path: Path, broker: SqliteBroker) -> None:
    async with listening(broker) as wakeups:
        await anyio.run_process([sys.executable, "-c", ENQUEUE, f"sqlite:///{path}"])
        assert await comes(wakeups, ready("mail"))
    (claim,) = await take(broker)
    await finish(broker, claim, State.RETRYING)
    async with waiting(broker, claim.id):
        await anyio.run_process([sys.executable, "-c", SETTLE, f"sqlite:///{path}"])


def noted(*queues: str) -> Notes:
    notes = Notes()
    notes.ready.update(queues)
    return notes


async def test_many_enqueues_within_moments_are_few_hints(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "READY_EVERY", NEVER)
    told = Hints(path)
    heard: list[Wakeup] = []
    monkeypatch.setattr(told, "_tell", heard.append)
    for queue in ("a", "b", "c", "b"):
        told.before_commit(noted(queue))
    assert heard == [Wakeup("ready", ("a",))]
    wait = told.flush()
    assert wait is not None and wait > 0
    monkeypatch.setattr(hints, "READY_EVERY", 0.0)
    assert told.flush() is None
    assert heard[1:] == [Wakeup("ready", ("b", "c"))]
    assert told.flush() is None
    assert len(heard) == 2
    told.close()


async def test_hints_that_nobody_takes_stay_few() -> None:
    listener = Listener()
    for number in range(1000):
        listener.give(Wakeup("ready", (f"queue-{number % 3}",)))
        listener.give(Wakeup("pause"))
    assert sorted(await listener.take(), key=lambda wakeup: wakeup.kind) == [
        Wakeup("pause"),
        Wakeup("ready"),
    ]
    listener.give(Wakeup("ready", ("b",)))
    listener.give(Wakeup("ready", ("a",)))
    assert await listener.take() == [Wakeup("ready", ("a", "b"))]


async def test_listening_leaves_nothing_behind(path: Path, broker: SqliteBroker) -> None:
    for _ in range(3):
        async with listening(broker):
            assert len([name async for name in anyio.Path(folder_of(path)).iterdir()]) == 1
    claim = await start(broker)
    await broker.settled(claim.id, 0.01)
    assert [name async for name in anyio.Path(folder_of(path)).iterdir()] == []


async def test_many_ends_at_once_reach_those_who_wait(
    broker: SqliteBroker, second: SqliteBroker, only_letters: None
) -> None:
    await broker.enqueue(new_jobs(hints.IDS_PER_LETTER + 50))
    claims = await take(broker, 1000)
    async with waiting(second, claims[-1].id):
        await broker.settle([ending(claim) for claim in claims])
