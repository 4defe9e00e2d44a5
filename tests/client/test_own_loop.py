"""The thread behind a SyncClient: how it begins, is interrupted, and ends."""

import asyncio
import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stoker.client.loop_thread import LoopThread
from stoker.client.own_loop import OwnLoop
from stoker.jobs.errors import BrokerUnavailable


class Connection:
    """Stands in for a client: says what becomes of it."""

    def __init__(self) -> None:
        self.entering = threading.Event()
        self.left = threading.Event()
        self.slow = False
        self.entered_in: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> "Connection":
        self.entering.set()
        self.entered_in = asyncio.current_task()
        if self.slow:
            await asyncio.sleep(3600)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert asyncio.current_task() is self.entered_in
        self.left.set()


@pytest.fixture
def made() -> list[Connection]:
    return []


@pytest.fixture
def own(made: list[Connection]) -> Iterator[OwnLoop]:
    def make() -> Any:
        made.append(Connection())
        return made[-1]

    own = OwnLoop(make)
    yield own
    own.close()


class Waiting:
    """Work that goes on until it is cancelled, or told to end."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.end: Callable[[], object] = lambda: None

    async def __call__(self, client: Any) -> str:
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.end = lambda: loop.call_soon_threadsafe(end.set)
        self.started.set()
        try:
            await end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"


async def nothing(client: Any) -> str:
    return "done"


def interrupt(after: threading.Event) -> threading.Thread:
    def run() -> None:
        after.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_interrupt_of_a_waiting_call_cancels_it(own: OwnLoop) -> None:
    waiting = Waiting()
    thread = interrupt(waiting.started)
    with pytest.raises(KeyboardInterrupt):
        own.run(waiting)
    thread.join()
    assert waiting.cancelled.wait(10)
    assert own.run(nothing) == "done"  # and the connection is as good as before


def test_an_interrupt_while_it_connects_leaves_nothing_behind(made: list[Connection]) -> None:
    connection = Connection()
    connection.slow = True
    own = OwnLoop(lambda: connection)  # type: ignore[arg-type, return-value]
    thread = interrupt(connection.entering)
    with pytest.raises(KeyboardInterrupt):
        own.run(nothing)
    thread.join()
    assert own._thread is None
    for each in threading.enumerate():
        if each.name == "stoker-client":
            each.join(10)
            assert not each.is_alive()


def test_closing_finishes_what_is_under_way(own: OwnLoop, made: list[Connection]) -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(2) as threads:
        call = threads.submit(own.run, waiting)
        assert waiting.started.wait(10)
        closing = threads.submit(own.close)
        waiting.end()
        assert call.result(timeout=10) == "done"
        closing.result(timeout=10)
    assert made[0].left.is_set()


def test_closing_tells_those_who_wait_for_something_that_may_never_come(own: OwnLoop) -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: own.run(waiting, repeatable=True))
        assert waiting.started.wait(10)
        own.close()
        with pytest.raises(BrokerUnavailable, match="the client was closed while a call was under way"):
            call.result(timeout=10)
    assert waiting.cancelled.is_set()


def test_before_a_fork_repeatable_work_is_broken_off_and_begun_anew(
    own: OwnLoop, made: list[Connection]
) -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: own.run(waiting, repeatable=True))
        assert waiting.started.wait(10)
        waiting.started.clear()
        own.before_fork()
        assert made[0].left.is_set()
        assert not waiting.started.is_set()
        own.after_fork()
        assert waiting.started.wait(10)
        waiting.end()
        assert call.result(timeout=10) == "done"
    assert len(made) == 2


def test_before_a_fork_other_work_is_finished(own: OwnLoop, made: list[Connection]) -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(2) as threads:
        call = threads.submit(own.run, waiting)
        assert waiting.started.wait(10)
        forking = threads.submit(own.before_fork)
        waiting.end()
        forking.result(timeout=10)
        assert call.result(timeout=10) == "done"
        assert not waiting.cancelled.is_set()
        own.after_fork()
    assert own.run(nothing) == "done"
    assert len(made) == 2


def test_nobody_connects_while_the_process_forks(own: OwnLoop, made: list[Connection]) -> None:
    own.before_fork()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(own.run, nothing)
        with pytest.raises(TimeoutError):
            call.result(timeout=0.05)
        assert made == []
        own.after_fork()
        assert call.result(timeout=10) == "done"


def test_another_processs_thread_is_neither_used_nor_closed(
    own: OwnLoop, made: list[Connection]
) -> None:
    own.run(nothing)
    inherited = own._thread
    assert inherited is not None
    inherited.pid -= 1  # as if this were the child
    assert own.run(nothing) == "done"
    assert own._thread is not inherited
    own.close()
    assert made[1].left.is_set()
    assert not made[0].left.is_set()
    inherited.pid += 1
    assert inherited.close()


def test_one_that_is_dropped_ends_its_thread(made: list[Connection]) -> None:
    def make() -> Any:
        made.append(Connection())
        return made[-1]

    own = OwnLoop(make)
    own.run(nothing)
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is None
    assert made[0].left.wait(10)


def test_work_is_not_given_to_a_thread_that_is_closing(made: list[Connection]) -> None:
    from stoker.client.loop_thread import Left

    connection: Any = Connection()
    thread = LoopThread(lambda: connection)
    thread.start()
    thread.close()
    with pytest.raises(Left):
        thread.run(nothing, repeatable=False)
