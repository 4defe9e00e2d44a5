import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from stoker.brokers.instant import HostClock
from stoker.brokers.sqlite import requests
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.migrating import migrate
from stoker.brokers.sqlite.opening import open_writing, prepare_file
from stoker.brokers.sqlite.requests import LARGEST_GROUP
from stoker.brokers.sqlite.statements import statements
from stoker.brokers.sqlite.transaction import Notes, Transaction
from stoker.brokers.sqlite.writer import Tell, Writer
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

LIMIT = 20.0


class Told(Tell):
    """Remembers what the writer has told."""

    def __init__(self) -> None:
        self.commits: list[Notes] = []
        self.begun: list[Notes] = []

    def before_commit(self, notes: Notes) -> None:
        self.begun.append(notes)

    def after_commit(self, notes: Notes) -> None:
        assert self.begun[-1] is notes
        self.commits.append(notes)


class Gate:
    """An operation that holds the writer up until it is opened, so that others gather behind it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reached = asyncio.Event()
        self._opened = threading.Event()

    def __call__(self, tx: Transaction) -> None:
        self._loop.call_soon_threadsafe(self._reached.set)
        assert self._opened.wait(LIMIT)

    async def reached(self) -> None:
        await self._reached.wait()

    def open(self) -> None:
        self._opened.set()


def adding(name: str) -> Callable[[Transaction], str]:
    def add(tx: Transaction) -> str:
        tx.execute("INSERT INTO stoker_type (name, about) VALUES (?, '{}')", (name,))
        return name

    return add


def failing(name: str, error: Exception) -> Callable[[Transaction], None]:
    """Writes, counts and tells, and then fails."""

    def fail(tx: Transaction) -> None:
        adding(name)(tx)
        tx.count("queue", "ready", 100)
        tx.notes.ready.add("wrong")
        raise error

    return fail


def names(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT name FROM stoker_type ORDER BY name")]
    finally:
        connection.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def writer(path: Path, told: Told) -> AsyncIterator[Writer]:
    address = Address(path)
    prepare_file(address, create=True)
    connection = open_writing(address)
    migrate(connection, path)
    connection.close()
    writer = Writer(path, lambda: open_writing(address), HostClock(Offset()), statements(), told)
    writer.start()
    with anyio.fail_after(LIMIT):
        yield writer
        await writer.close()


async def gathered(writer: Writer, *operations: Any, first: Any = None) -> list[Any]:
    """Answers or errors of operations that were all waiting while the writer was held up."""
    gate = Gate()
    tasks = [asyncio.ensure_future(writer.write(gate))]
    await gate.reached()
    tasks += [asyncio.ensure_future(writer.write(operation)) for operation in operations]
    if first is not None:
        tasks.append(asyncio.ensure_future(writer.write(first, first=True)))
    await asyncio.sleep(0)  # sleeps: not at all; lets the tasks put their requests in
    gate.open()
    return (await asyncio.gather(*tasks, return_exceptions=True))[1:]


async def test_what_comes_while_it_works_goes_along(writer: Writer, told: Told, path: Path) -> None:
    wanted = [f"{number:02}" for number in range(20)]
    assert await gathered(writer, *map(adding, wanted)) == wanted
    assert len(told.commits) == 1
    assert names(path) == wanted


async def test_what_goes_along_has_a_moment_of_its_own(writer: Writer) -> None:
    gate = Gate()
    first = asyncio.ensure_future(writer.write(gate))
    await gate.reached()
    asked_at = HostClock(Offset()).now()
    second = asyncio.ensure_future(writer.write(lambda tx: tx.now))
    await asyncio.sleep(0)  # sleeps: not at all; lets the task put its request in
    gate.open()
    await first
    assert (await second).boot >= asked_at.boot


async def test_a_group_has_a_largest_size(writer: Writer, told: Told, path: Path) -> None:
    count = 2 * LARGEST_GROUP + 10
    await gathered(writer, *(adding(str(number)) for number in range(count)))
    assert len(told.commits) == 3
    assert len(names(path)) == count


async def test_one_that_fails_leaves_its_neighbours_standing(
    writer: Writer, told: Told, path: Path
) -> None:
    error = ValueError("no")
    answers = await gathered(writer, adding("a"), failing("b", error), adding("c"))
    assert answers == ["a", error, "c"]
    assert names(path) == ["a", "c"]


async def test_one_that_fails_leaves_nothing_of_its_own(writer: Writer, told: Told) -> None:
    await gathered(writer, adding("a"), failing("b", ValueError("no")))
    assert told.commits[-1].ready == set()
    assert await writer.write(lambda tx: tx.rows("SELECT count(*) FROM stoker_tally")) == [(0,)]


async def test_one_that_fails_alone_is_undone(writer: Writer, told: Told, path: Path) -> None:
    with pytest.raises(ValueError, match="no"):
        await writer.write(failing("b", ValueError("no")))
    assert (names(path), told.commits) == ([], [])
    await writer.write(adding("a"))
    assert names(path) == ["a"]


async def test_several_that_fail_each_get_their_own_error(writer: Writer, path: Path) -> None:
    errors = [ValueError("one"), KeyError("two")]
    answers = await gathered(writer, failing("a", errors[0]), adding("b"), failing("c", errors[1]))
    assert answers == [errors[0], "b", errors[1]]
    assert names(path) == ["b"]


async def test_a_statement_that_fails_is_an_error_of_the_broker(writer: Writer, path: Path) -> None:
    answers = await gathered(writer, adding("a"), lambda tx: tx.rows("SELECT * FROM nowhere"))
    assert answers[0] == "a"
    assert isinstance(answers[1], BrokerUnavailable)
    assert names(path) == ["a"]


async def test_renewals_go_first(writer: Writer) -> None:
    order: list[str] = []

    def noting(name: str) -> Callable[[Transaction], None]:
        return lambda tx: order.append(name)

    await gathered(writer, noting("one"), noting("two"), first=noting("renewal"))
    assert order == ["renewal", "one", "two"]


async def test_counts_of_a_group_are_written_as_one_row_each(writer: Writer) -> None:
    await gathered(writer, *[lambda tx: tx.count("queue", "ready") for _ in range(5)])
    rows = await writer.write(lambda tx: tx.rows("SELECT queue, state, delta FROM stoker_tally"))
    assert rows == [("queue", "ready", 5)]


def synchronous(tx: Transaction) -> int:
    """What SQLite will do for the commit of this transaction: 2 presses it to the disk, 1 does not."""
    level: int = tx.rows("PRAGMA synchronous")[0][0]
    return level


async def behind_a_light_one(writer: Writer, *, durable: bool) -> int:
    """The level of a write that came in while one was written that need not be durable."""
    gate = Gate()
    light = asyncio.ensure_future(writer.write(gate, durable=False))
    await gate.reached()
    second = asyncio.ensure_future(writer.write(synchronous, durable=durable))
    await asyncio.sleep(0)  # sleeps: not at all; lets the task put its request in
    gate.open()
    await light
    return await second


async def test_only_what_must_be_durable_is_pressed_to_the_disk(writer: Writer) -> None:
    levels = [await writer.write(synchronous, durable=each) for each in (True, False, False, True)]
    assert levels == [2, 1, 1, 2]


async def test_a_durable_write_never_goes_along_with_a_commit_that_is_not(
    writer: Writer, told: Told
) -> None:
    assert await behind_a_light_one(writer, durable=True) == 2
    assert len(told.commits) == 2


async def test_what_need_not_be_durable_goes_along_with_whatever_there_is(
    writer: Writer, told: Told
) -> None:
    assert await behind_a_light_one(writer, durable=False) == 1
    gate = Gate()
    durable = asyncio.ensure_future(writer.write(gate))
    await gate.reached()
    light = asyncio.ensure_future(writer.write(synchronous, durable=False))
    await asyncio.sleep(0)  # sleeps: not at all; lets the task put its request in
    gate.open()
    await durable
    assert await light == 2
    assert len(told.commits) == 2


async def test_durable_writes_that_were_put_off_are_written_at_the_end(
    writer: Writer, path: Path
) -> None:
    gate = Gate()
    light = asyncio.ensure_future(writer.write(gate, durable=False))
    await gate.reached()
    writes = [asyncio.ensure_future(writer.write(adding(name))) for name in "abc"]
    await asyncio.sleep(0)  # sleeps: not at all; lets the tasks put their requests in
    closing = asyncio.ensure_future(writer.close())
    await asyncio.sleep(0)  # sleeps: not at all; lets the end be asked for
    gate.open()
    await asyncio.gather(light, closing, *writes)
    assert names(path) == ["a", "b", "c"]


async def test_a_cancelled_caller_does_not_disturb_the_others(writer: Writer, path: Path) -> None:
    gate = Gate()
    held = asyncio.ensure_future(writer.write(gate))
    await gate.reached()
    cancelled = asyncio.ensure_future(writer.write(adding("a")))
    other = asyncio.ensure_future(writer.write(adding("b")))
    await asyncio.sleep(0)  # sleeps: not at all; lets the tasks put their requests in
    cancelled.cancel()
    gate.open()
    await held
    assert await other == "b"
    assert cancelled.cancelled()
    assert names(path) == ["a", "b"]


async def test_callers_on_several_loops_are_each_answered_on_theirs(writer: Writer) -> None:
    async def write(name: str) -> tuple[str, int]:
        return await writer.write(adding(name)), threading.get_ident()

    elsewhere = asyncio.to_thread(asyncio.run, write("there"))
    answers = await asyncio.gather(write("here"), elsewhere)
    assert [name for name, _ in answers] == ["here", "there"]
    assert answers[0][1] != answers[1][1]


async def test_a_held_lock_is_waited_for(writer: Writer, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(writer.write(adding("a")))
    assert await writing_is_held_up(writing)
    other.execute("COMMIT")
    other.close()
    assert await writing == "a"


async def test_after_the_deadline_a_held_lock_makes_the_store_unavailable(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "CALL_DEADLINE", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BrokerUnavailable, match="locked by another connection's open transaction"):
        await writer.write(adding("a"))
    other.execute("COMMIT")
    other.close()
    assert await writer.write(adding("b")) == "b"
    assert names(path) == ["b"]


async def test_whoever_came_later_waits_on_when_the_first_gives_up(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(requests, "CALL_DEADLINE", 0.05)
    impatient = asyncio.ensure_future(writer.write(adding("a")))
    await asyncio.sleep(0)  # sleeps: not at all; lets the task put its request in
    monkeypatch.setattr(requests, "CALL_DEADLINE", LIMIT)
    patient = asyncio.ensure_future(writer.write(adding("b")))
    with pytest.raises(BrokerUnavailable):
        await impatient
    other.execute("COMMIT")
    other.close()
    assert await patient == "b"
    assert names(path) == ["b"]


async def test_a_full_disk_is_an_outage_and_passes(writer: Writer, path: Path) -> None:
    large = "x" * 1_000_000
    (pages,) = (await writer.write(lambda tx: tx.rows("PRAGMA page_count")))[0]
    await writer.write(lambda tx: tx.rows(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(BrokerUnavailable, match="no room left on its disk"):
        await writer.write(adding(large))
    answers = await gathered(writer, adding(large + "1"), adding(large + "2"))
    assert all(isinstance(answer, BrokerUnavailable) for answer in answers)
    await writer.write(lambda tx: tx.rows("PRAGMA max_page_count = 1000000"))
    assert await writer.write(adding("small")) == "small"
    assert names(path) == ["small"]


async def test_a_database_that_may_not_be_written_to_is_refused(writer: Writer) -> None:
    await writer.write(lambda tx: tx.rows("PRAGMA query_only = 1"))
    with pytest.raises(BrokerRefused, match="may not be written to"):
        await writer.write(adding("a"))


async def test_closing_writes_what_is_waiting(writer: Writer, path: Path) -> None:
    gate = Gate()
    held = asyncio.ensure_future(writer.write(gate))
    await gate.reached()
    waiting = asyncio.ensure_future(writer.write(adding("a")))
    await asyncio.sleep(0)  # sleeps: not at all; lets the task put its request in
    closing = asyncio.ensure_future(writer.close())
    gate.open()
    await asyncio.gather(held, closing)
    assert await waiting == "a"
    assert names(path) == ["a"]


async def test_after_closing_the_store_is_unavailable(writer: Writer) -> None:
    await writer.close()
    with pytest.raises(BrokerUnavailable, match="not open"):
        await writer.write(adding("a"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_writer_that_fell_answers_instead_of_leaving_callers_waiting(
    writer: Writer, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(told, "flush", fall)
    assert await writer.write(adding("a")) == "a"
    for name in ("b", "c"):
        with pytest.raises(BrokerUnavailable, match="has ended"):
            await writer.write(adding(name))


async def writing_is_held_up(writing: "asyncio.Future[Any]") -> bool:
    """Whether a write is still waiting after the writer has had time for many."""
    done, _ = await asyncio.wait([writing], timeout=0.1)
    return not done
