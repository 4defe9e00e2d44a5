"""The types that daemons have published, as they were a few seconds ago."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.operating import TypeInfo

KEPT = 10.0
"""Seconds for which a type that is known is not asked for again."""
UNKNOWN_FOR = 1.0
"""Seconds for which a type that is not known stays so: a daemon may be publishing it just now."""


class Catalogue:
    """Read when somebody asks, by one reader at a time."""

    def __init__(
        self, read: Callable[[], Awaitable[dict[str, TypeInfo]]], clock: Clock | None = None
    ) -> None:
        self._read = read
        self._clock = clock or SystemClock()
        self._types: dict[str, TypeInfo] = {}
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def find(self, name: str) -> TypeInfo | None:
        """What is published under this name. The same object, while it says the same."""
        if (found := self._types.get(name)) is None or self._age() >= KEPT:
            await self._refresh(UNKNOWN_FOR if found is None else KEPT)
            found = self._types.get(name)
        return found

    async def _refresh(self, not_before: float) -> None:
        async with self._reading:
            if self._age() < not_before:
                return  # somebody else has just done it
            asked_at = self._clock.elapsed()
            published = await self._read()
            # What has not changed stays the same object: what was compiled from it stays good.
            self._types = {
                name: old if (old := self._types.get(name)) == info else info
                for name, info in published.items()
            }
            self._read_at = asked_at

    def _age(self) -> float:
        return self._clock.elapsed() - self._read_at
