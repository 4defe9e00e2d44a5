"""Which shard a queue or an id belongs to, and how a list of either is asked for, shard by shard.

A shard is what must lie on one node: whole queues, some or many. Its number comes from the byte that
the ids of a queue's jobs carry, so that an id leads to it by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from stoker.jobs.ids import queue_byte

IN_CLUSTER = 16
"""How many a cluster has. It cannot be changed: what is kept by another number would not be found."""
STORE = 0
"""The shard of what belongs to no queue, such as workers."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Shards(msgspec.Struct, frozen=True):
    """So many, known by their numbers."""

    count: int = 1

    @property
    def all(self) -> range:
        return range(self.count)

    def name(self, shard: int) -> str:
        """What the names of its keys begin with; braces make it one slot of a cluster."""
        return f"stoker:{{{shard:02}}}"

    def of_queue(self, queue: str) -> int:
        return queue_byte(queue) % self.count

    def of_id(self, id: str) -> int:
        """Of a job, or of a recurring one. Text that is no id at all is found in none, so in any."""
        try:
            return int(id[-2:], 16) % self.count
        except ValueError:
            return STORE

    async def each(self, ask: Callable[[int], Coroutine[Any, Any, Answer]]) -> list[Answer]:
        """What all of them answer, by their numbers, asked at the same time."""
        if self.count == 1:
            return [await ask(STORE)]
        return await together([ask(shard) for shard in self.all])

    async def parted(
        self,
        items: Sequence[Item],
        id_of: Callable[[Item], str],
        ask: Callable[[int, Sequence[Item]], Coroutine[Any, Any, Sequence[Answer]]],
    ) -> Sequence[Answer]:
        """What is answered for each item, each shard being asked for its own, at the same time."""
        if self.count == 1:
            return await ask(STORE, items)
        places: dict[int, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(self.of_id(id_of(item)), []).append(place)
        answers = await together(
            [ask(shard, [items[place] for place in some]) for shard, some in places.items()]
        )
        by_place = {
            place: answer
            for some, given in zip(places.values(), answers, strict=True)
            for place, answer in zip(some, given, strict=True)
        }
        return [by_place[place] for place in range(len(items))]


async def together(calls: Sequence[Awaitable[Answer]]) -> list[Answer]:
    """What all of these answer. The first error is raised when all have come to an end."""
    if len(calls) == 1:
        return [await calls[0]]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return [_given(answer) for answer in answers]


def _given(answer: Answer | BaseException) -> Answer:
    if isinstance(answer, BaseException):
        raise answer
    return answer
