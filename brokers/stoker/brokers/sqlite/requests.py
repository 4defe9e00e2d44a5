"""Writes that wait for their turn, each with the coroutine that waits for it."""

import asyncio
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from stoker.brokers.sqlite.transaction import Transaction

T = TypeVar("T")
Operation = Callable[[Transaction], T]

LARGEST_GROUP = 200
CALL_DEADLINE = 5.0
"""Seconds that a write waits for the lock before its caller is told that the store is out."""


class Request(Generic[T]):
    """A write that waits for its turn, and whom to tell."""

    __slots__ = ("deadline", "durable", "error", "first", "future", "loop", "operation", "value")

    def __init__(self, operation: Operation[T], first: bool, durable: bool) -> None:
        self.operation = operation
        self.first = first
        self.durable = durable
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.deadline = time.monotonic() + CALL_DEADLINE
        self.value: T | None = None
        self.error: BaseException | None = None


Group = list[Request[Any]]


class Inbox:
    """Where the callers' threads leave requests, and the writer's takes them by groups."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Request[Any] | None] = SimpleQueue()
        self._put_off: Group = []

    def put(self, request: Request[Any]) -> None:
        self._queue.put(request)

    def end(self) -> None:
        """After what is there, nothing more comes."""
        self._queue.put(None)

    def take(self, wait: float) -> Group | None:
        """What is there, after at most `wait` seconds; empty if nothing came, None at the end."""
        group, self._put_off = self._put_off, []
        if not group:
            try:
                request = self._queue.get(timeout=wait)
            except Empty:
                return []
            if request is None:
                return None
            group = [request]
        self.join(group)
        return group

    def join(self, group: Group, *, durable: bool = True) -> None:
        """Let what has come in join the group, if there is room.

        With `durable` false the group will be committed without an fsync: the first request that
        needs one, and what comes after it, wait for the next group.
        """
        while len(group) < LARGEST_GROUP and not self._put_off:
            try:
                request = self._queue.get_nowait()
            except Empty:
                break
            if request is None:
                self._queue.put(None)
                break
            if request.durable and not durable:
                self._put_off.append(request)
                break
            group.append(request)

    def rest(self) -> Group:
        """All that is there, for good."""
        rest, self._put_off = self._put_off, []
        while True:
            try:
                request = self._queue.get_nowait()
            except Empty:
                return rest
            if request is not None:
                rest.append(request)


def fail(group: Group, error: BaseException) -> None:
    """What the callers are to be told, by `answer`."""
    for request in group:
        request.error = error


def answer(group: Group) -> None:
    """Wake each loop once for all of its requests."""
    loops: dict[asyncio.AbstractEventLoop, Group] = {}
    for request in group:
        loops.setdefault(request.loop, []).append(request)
    for loop, requests in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, requests)
        except RuntimeError:
            if not loop.is_closed():
                raise


def _resolve(requests: Group) -> None:
    for request in requests:
        if request.future.done():
            continue  # its caller has been cancelled
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.value)
