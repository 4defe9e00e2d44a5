"""Writes that wait for their turn, each with the coroutine that waits for it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from stoker.brokers.sqlite.transaction import Transaction

T = TypeVar("T")
Operation = Callable[[Transaction], T]

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
