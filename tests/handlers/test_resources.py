import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest

from stoker.handlers import handler, resource
from stoker.handlers.protocol import AnyHandler
from stoker.handlers.resources import Resources
from stoker.jobs.errors import HandlerError


class Diary:
    """Openers of one test, and what became of them, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.threads: list[int] = []

    def opener(self, name: str, *, fails: int = 0, close_fails: bool = False) -> Any:
        @contextmanager
        def open_it() -> Iterator[str]:
            nonlocal fails
            self.threads.append(threading.get_ident())
            if fails:
                fails -= 1
                raise ConnectionError(f"{name} is down")
            self.entries.append(f"open {name}")
            yield name
            self.entries.append(f"close {name}")
            if close_fails:
                raise OSError(f"{name} hangs")

        return open_it

    def async_opener(self, name: str) -> Any:
        @asynccontextmanager
        async def open_it() -> AsyncIterator[str]:
            self.threads.append(threading.get_ident())
            self.entries.append(f"open {name}")
            yield name
            self.entries.append(f"close {name}")

        return open_it


def using(**openers: Any) -> AnyHandler:
    """A handler with these resources."""

    def take(**given: Any) -> None: ...

    import inspect

    take.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=resource(opener))
            for name, opener in openers.items()
        ]
    )
    return handler("a")(take)


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_a_resource_is_opened_on_first_use_and_once(diary: Diary) -> None:
    opener = diary.opener("db")
    resources = Resources()
    assert diary.entries == []
    assert await resources.open(using(db=opener)) == {"db": "db"}
    assert await resources.open(using(other=opener)) == {"other": "db"}
    assert diary.entries == ["open db"]


async def test_uses_at_the_same_time_wait_for_one_opening() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    opened = 0

    @asynccontextmanager
    async def slow() -> AsyncIterator[int]:
        nonlocal opened
        opened += 1
        entered.set()
        await go_on.wait()
        yield opened

    resources, one = Resources(), using(it=slow)
    waiting = [asyncio.create_task(resources.open(one)) for _ in range(5)]
    await entered.wait()
    go_on.set()
    assert await asyncio.gather(*waiting) == [{"it": 1}] * 5


async def test_a_user_that_is_cancelled_does_not_stop_the_opening_for_the_others() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[str]:
        entered.set()
        await go_on.wait()
        yield "it"

    resources, one = Resources(), using(it=slow)
    first = asyncio.create_task(resources.open(one))
    second = asyncio.create_task(resources.open(one))
    await entered.wait()
    first.cancel()
    go_on.set()
    assert await second == {"it": "it"}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_synchronous_opener_runs_in_a_thread_and_an_asynchronous_one_on_the_loop(
    diary: Diary,
) -> None:
    await Resources().open(using(a=diary.opener("a"), b=diary.async_opener("b")))
    assert diary.threads[0] != threading.get_ident()
    assert diary.threads[1] == threading.get_ident()


async def test_they_are_closed_in_reverse_order(diary: Diary) -> None:
    resources = Resources()
    await resources.open(using(a=diary.opener("a"), b=diary.async_opener("b"), c=diary.opener("c")))
    assert await resources.close() == []
    assert diary.entries[3:] == ["close c", "close b", "close a"]


async def test_one_that_fails_to_open_is_tried_anew_the_next_time(diary: Diary) -> None:
    resources, one = Resources(), using(db=diary.opener("db", fails=1))
    with pytest.raises(ConnectionError, match="db is down"):
        await resources.open(one)
    assert await resources.open(one) == {"db": "db"}
    await resources.close()
    assert diary.entries == ["open db", "close db"]


async def test_one_that_fails_to_close_does_not_keep_the_others_open(diary: Diary) -> None:
    resources = Resources()
    await resources.open(using(a=diary.opener("a"), b=diary.opener("b", close_fails=True)))
    [error] = await resources.close()
    assert str(error) == "b hangs"
    assert "while closing the resource" in error.__notes__[0]
    assert diary.entries[-1] == "close a"


async def test_closing_twice_closes_once(diary: Diary) -> None:
    resources = Resources()
    await resources.open(using(a=diary.opener("a")))
    await resources.close()
    assert await resources.close() == []
    assert diary.entries == ["open a", "close a"]


async def test_closing_waits_for_an_opening_and_closes_it_too() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    closed = False

    @asynccontextmanager
    async def slow() -> AsyncIterator[str]:
        nonlocal closed
        entered.set()
        await go_on.wait()
        yield "it"
        closed = True

    resources = Resources()
    opening = asyncio.create_task(resources.open(using(it=slow)))
    await entered.wait()
    closing = asyncio.create_task(resources.close())
    go_on.set()
    assert await closing == []
    await opening
    assert closed


async def test_nothing_is_opened_after_the_end(diary: Diary) -> None:
    resources = Resources()
    await resources.close()
    with pytest.raises(RuntimeError, match="is closed: this process stops"):
        await resources.open(using(a=diary.opener("a")))


async def test_an_override_is_opened_in_its_place(diary: Diary) -> None:
    real, fake = diary.opener("real"), diary.opener("fake")
    resources = Resources({real: fake})
    assert await resources.open(using(db=real)) == {"db": "fake"}
    await resources.close()
    assert diary.entries == ["open fake", "close fake"]


async def test_a_class_that_is_a_context_manager_opens_itself() -> None:
    class Connection:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()  # fails in a thread

        async def __aenter__(self) -> "Connection":
            return self

        async def __aexit__(self, *_: object) -> None:
            self.loop = None  # type: ignore[assignment]

    def connect() -> AbstractAsyncContextManager[Connection]:
        return Connection()

    resources = Resources()
    opened = await resources.open(using(a=Connection, b=connect))
    assert isinstance(opened["a"], Connection)
    assert isinstance(opened["b"], Connection)
    assert await resources.close() == []
    assert opened["a"].loop is None


async def test_an_opener_that_gives_something_else_is_refused() -> None:
    def open_five() -> Any:
        return 5

    with pytest.raises(HandlerError, match="open_five gave int, which is no context manager"):
        await Resources().open(using(it=open_five))


async def test_an_opener_that_raises_stop_iteration_does_not_hang() -> None:
    def open_next() -> Any:
        return next(iter([]))

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        await Resources().open(using(it=open_next))


def needs(url: str) -> Any: ...


def bare() -> Iterator[int]:
    yield 1


async def async_bare() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("opener", "text"),
    [
        (3, "takes a function that gives a context manager, not 3: leave out the call"),
        (needs, "resource(needs) is opened without arguments, but needs requires url"),
        (bare, "resource(bare) needs @contextmanager on bare"),
        (async_bare, "resource(async_bare) needs @asynccontextmanager on async_bare"),
    ],
)
def test_what_cannot_open_is_refused(opener: Any, text: str) -> None:
    with pytest.raises(HandlerError) as caught:
        resource(opener)
    assert text in str(caught.value)
