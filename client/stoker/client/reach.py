"""How code that cannot await reaches a client: on the loop that the client belongs to."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from stoker.client.client import Client

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Work = Callable[[Client], Coroutine[Any, Any, T_co]]
"""What is to be done with the client, on its loop."""


class Reach(Protocol):
    """Runs work on the client's loop while the caller's thread waits."""

    def run(self, work: Work[T], *, repeatable: bool = False) -> T:
        """What the work returns or raises. An interrupt of the waiting thread cancels the work.

        `repeatable` work may be broken off and begun again, as its caller would not notice.
        """
        ...

    def close(self) -> None:
        """Let go of what was opened here."""
        ...


class BorrowedLoop:
    """A client that belongs to somebody else, on a loop that runs in another thread."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def run(self, work: Work[T], *, repeatable: bool = False) -> T:
        if _running_loop() is self._loop:
            raise RuntimeError(
                "this would wait for the event loop that it is called on: await the client instead"
            )
        with Errand(lambda: work(self._client), self._loop) as errand:
            errand.start()
            return errand.result()

    def close(self) -> None:
        """Nothing: the client is its owner's."""


class Errand(Generic[T]):
    """Work on a loop of another thread; used as a context, in which this thread starts it and waits.

    An interrupt of this thread cancels the work wherever it strikes, be it between starting and
    waiting: a future alone, which the interrupt may keep from ever being bound, would not do.
    """

    def __init__(
        self, work: Callable[[], Coroutine[Any, Any, T]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._work = work
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self._unwanted = False

    def start(self) -> None:
        self._future = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def result(self) -> T:
        """What the work returns or raises, once it does."""
        return self._future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._loop.call_soon_threadsafe(self._cancel)

    async def _run(self) -> T:
        if self._unwanted:
            raise asyncio.CancelledError
        self._task = asyncio.current_task()
        return await self._work()

    def _cancel(self) -> None:
        self._unwanted = True
        if self._task is not None:
            self._task.cancel()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
