"""Queues: what is ready in each, how many jobs it has, and which have something to give."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from stoker.brokers.memory.lazy_heap import LazyHeap
from stoker.brokers.memory.record import Record
from stoker.jobs.operating import Counts, Pause
from stoker.jobs.patterns import QueueSet, matches

_COUNTED = tuple(name for name in Counts.__struct_fields__ if name != "queue")
_LOWEST_FIRST = tuple(range(10))
_HIGHEST_FIRST = tuple(reversed(_LOWEST_FIRST))
REMEMBERED = 100_000
"""Pairs of a set and a queue of which it is remembered whether the one holds the other."""


class Queue:
    """One queue: a heap of ready jobs for each priority, and counts that are kept, never counted."""

    __slots__ = ("_heaps", "counts", "name", "paused", "waiting")

    def __init__(self, name: str, paused: bool) -> None:
        self.name = name
        self.paused = paused
        self.counts = dict.fromkeys(_COUNTED, 0)
        self.waiting = 0
        """Jobs that a claim may take, retrying ones included."""
        self._heaps: dict[int, LazyHeap] = {}

    def push(self, record: Record) -> None:
        heap = self._heaps.get(record.priority)
        if heap is None:
            heap = self._heaps[record.priority] = LazyHeap()
        record.entry = heap.push(record.scheduled_at, record)
        self.waiting += 1

    def discard(self, record: Record) -> None:
        self._heaps[record.priority].discard(record.entry)
        self.waiting -= 1

    def drain(self, *, lowest_first: bool) -> Iterator[Record]:
        """Take jobs out one by one, as far as the caller goes."""
        for priority in _LOWEST_FIRST if lowest_first else _HIGHEST_FIRST:
            heap = self._heaps.get(priority)
            while heap is not None and (record := heap.pop()) is not None:
                record.entry = 0
                self.waiting -= 1
                yield record

    def oldest_at(self) -> int | None:
        """When the job that has been ready for longest became due."""
        firsts = (heap.first_at() for heap in self._heaps.values())
        return min((first for first in firsts if first is not None), default=None)


class Queues:
    """All queues by name, their pauses, and whose turn it is to give."""

    def __init__(self) -> None:
        self._queues: dict[str, Queue] = {}
        self._pauses: dict[str, Pause] = {}
        self._giving: list[str] = []
        """Names of the queues that are not paused and have ready jobs, sorted."""
        self._last: dict[QueueSet, str] = {}
        self._holds: dict[tuple[QueueSet, str], bool] = {}

    def __getitem__(self, name: str) -> Queue:
        return self._queues[name]

    def __iter__(self) -> Iterator[Queue]:
        """By name."""
        return (self._queues[name] for name in sorted(self._queues))

    def ensure(self, name: str) -> None:
        """Make the queue if this is its first job."""
        if name not in self._queues:
            self._queues[name] = Queue(name, matches(name, self._pauses))

    def push(self, record: Record) -> None:
        """Put a ready job in."""
        queue = self._queues[record.queue]
        queue.push(record)
        if queue.waiting == 1 and not queue.paused:
            insort(self._giving, queue.name)

    def discard(self, record: Record) -> None:
        """Take a ready job out."""
        queue = self._queues[record.queue]
        queue.discard(record)
        self.drained(queue)

    def drained(self, queue: Queue) -> None:
        """To be called after jobs were taken out: an empty queue gives no more."""
        if queue.waiting == 0 and not queue.paused:
            place = bisect_left(self._giving, queue.name)
            if self._giving[place : place + 1] == [queue.name]:
                del self._giving[place]

    # Whose turn it is

    def in_turn(self, queues: QueueSet) -> Iterator[Queue]:
        """The queues of this set that have something to give, beginning after the last beginning."""
        names = self._names(queues)
        begin = bisect_right(names, self._last.get(queues, ""))
        for name in names[begin:] + names[:begin]:
            if self._in(queues, name):
                yield self._queues[name]

    def began(self, queues: QueueSet, name: str) -> None:
        """A claim for this set has begun with this queue."""
        self._last[queues] = name

    def _names(self, queues: QueueSet) -> list[str]:
        if any("*" in name or "?" in name for name in queues.include):
            return self._giving
        # A lane of a few names does not look through those of all others.
        return sorted({name for name in queues.include if self._gives(name)})

    def _gives(self, name: str) -> bool:
        queue = self._queues.get(name)
        return queue is not None and queue.waiting > 0 and not queue.paused

    def _in(self, queues: QueueSet, name: str) -> bool:
        held = self._holds.get((queues, name))
        if held is None:
            if len(self._holds) >= REMEMBERED:
                self._holds.clear()
            held = self._holds[queues, name] = name in queues
        return held

    # Pauses

    def pause(self, pause: Pause) -> None:
        """Add a pause, or replace that of the same pattern."""
        self._pauses[pause.pattern] = pause
        self._pauses_changed()

    def resume(self, pattern: str) -> bool:
        """Take a pause back; says whether there was one."""
        was_there = self._pauses.pop(pattern, None) is not None
        self._pauses_changed()
        return was_there

    def pauses(self) -> list[Pause]:
        """By pattern."""
        return [self._pauses[pattern] for pattern in sorted(self._pauses)]

    def pause_of(self, name: str) -> Pause | None:
        """The pause that holds this queue back; that of its very name goes before patterns."""
        if name in self._pauses:
            return self._pauses[name]
        return next((pause for pause in self.pauses() if matches(name, (pause.pattern,))), None)

    def _pauses_changed(self) -> None:
        for queue in self._queues.values():
            queue.paused = matches(queue.name, self._pauses)
        self._giving = sorted(filter(self._gives, self._queues))
