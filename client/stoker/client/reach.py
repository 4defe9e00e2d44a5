"""How code that cannot await reaches a client: on the loop that the client belongs to."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

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
        return wait_for(asyncio.run_coroutine_threadsafe(work(self._client), self._loop))

    def close(self) -> None:
        """Nothing: the client is its owner's."""


def wait_for(future: Future[T]) -> T:
    """The future's value; cancels it if the waiting thread is interrupted."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
