"""A mailbox between actors that outlives both of them."""

import asyncio
from collections import deque
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Letters in the order of their arrival, for one reader at a time, on one event loop.

    A letter is read with `peek` and removed with `drop` once it is dealt with: so none is lost with
    a reader that falls. What bounds it is its senders' right to send; see `Runs.room`.
    """

    def __init__(self) -> None:
        self._letters: deque[T] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, letter: T) -> None:
        self._letters.append(letter)
        self._arrived.set()

    async def peek(self, limit: int) -> list[T]:
        """The oldest letters, at least one and at most `limit`; they stay in the box."""
        while not self._letters:
            self._arrived.clear()
            await self._arrived.wait()
        return list(islice(self._letters, limit))

    def drop(self, count: int) -> None:
        """Remove the oldest `count` letters."""
        for _ in range(count):
            self._letters.popleft()
