"""A client on an event loop in a thread of its own, from connecting to closing."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from stoker.client.client import Client
from stoker.client.reach import Errand, Work
from stoker.jobs.errors import BrokerUnavailable

T = TypeVar("T")

GRACE = 10.0
"""Seconds that closing leaves to calls that are under way. Brokers answer, or give up, before that."""


class Left(Exception):
    """The thread is being closed, and the work has not been done by it."""


class LoopThread:
    """The thread is a daemon, so it never keeps the interpreter from ending."""

    def __init__(self, make: Callable[[], Client]) -> None:
        """`make` gives a client that is not connected."""
        self.pid = os.getpid()
        """The process in which it lives: after a fork, the child has none of its threads."""
        self._make = make
        self._lock = threading.Lock()
        self._closing = False
        self._again = False
        self._calls: set[asyncio.Task[Any]] = set()
        self._repeatable: set[asyncio.Task[Any]] = set()
        self._living: asyncio.Task[None] | None = None
        self._opened: Future[Client] = Future()
        self._closed: Future[None] = Future()
        self._thread = threading.Thread(target=self._main, name="stoker-client", daemon=True)

    def start(self) -> None:
        """Connect. Raises what connecting raises."""
        try:
            self._thread.start()
            self._client = self._opened.result()
        except BaseException:
            self._break_off()
            raise

    def run(self, work: Work[T], *, repeatable: bool) -> T:
        """Do this on the loop, and wait. Raises Left if it is to be done on another one."""
        among = self._repeatable if repeatable else self._calls
        try:
            with Errand(lambda: self._tracked(work, among), self._loop) as errand:
                # Starting and closing exclude each other, so nothing is left on a loop that has ended.
                with self._lock:
                    if self._closing:
                        raise Left
                    errand.start()
                return errand.result()
        except CancelledError:
            if repeatable and self._again:
                raise Left from None
            raise BrokerUnavailable("the client was closed while a call was under way") from None

    def close(self, *, again: bool = False) -> bool:
        """Finish the calls under way, disconnect, and end; whether it has ended.

        Repeatable work is broken off: with `again`, to be begun anew by whoever waits for it. Raises
        what disconnecting raises.
        """
        self._again = again
        self.let_go()
        self._thread.join(GRACE * 2)
        if self._thread.is_alive():
            return False
        self._closed.result()
        return True

    def let_go(self) -> None:
        """Close without waiting for it. Does nothing in another process than its own."""
        if self.pid != os.getpid():
            return
        with self._lock:
            if not self._closing:
                self._closing = True
                self._loop.call_soon_threadsafe(self._stop.set)

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if not self._opened.done() and self._opened.set_running_or_notify_cancel():
                self._opened.set_exception(error)
            self._closed.set_exception(error)
        else:
            self._closed.set_result(None)
        finally:
            self._closing = True

    def _break_off(self) -> None:
        """Nobody wants it any more: connecting failed, or whoever waited for it was interrupted."""
        if self._opened.cancel():
            if self._living is not None:
                self._loop.call_soon_threadsafe(self._living.cancel)
        elif self._opened.exception() is None:
            self.let_go()

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._living = asyncio.current_task()
        if self._opened.cancelled():
            return
        # Entered and left by one task, as brokers with tasks of their own want it.
        async with self._make() as client:
            if not self._opened.set_running_or_notify_cancel():
                return
            self._opened.set_result(client)
            await self._stop.wait()
            await self._finish()

    async def _finish(self) -> None:
        for task in self._repeatable:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=GRACE)
        left = [*self._calls, *self._repeatable]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _tracked(self, work: Work[T], among: set[asyncio.Task[Any]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        among.add(task)
        try:
            return await work(self._client)
        finally:
            among.discard(task)
