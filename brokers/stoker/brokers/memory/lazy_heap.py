"""Records in the order of a time, from which any one can be taken out without a search."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from stoker.brokers.memory.record import Record

WORTH_CLEARING = 64
"""Discarded entries up to which a heap is left as it is."""


class LazyHeap:
    """The earliest first, then by id.

    `push` gives a number for the entry, from 1 on, and `discard` takes it. A discarded entry stays in
    the heap until it comes to the top, or until half of all are discarded: then they are cleared out at
    once, so that memory stays in proportion and discarding costs a constant on average.
    """

    __slots__ = ("_discarded", "_entries", "_last")

    def __init__(self) -> None:
        self._entries: list[tuple[int, str, int, Record]] = []
        self._discarded: set[int] = set()
        self._last = 0

    def __len__(self) -> int:
        return len(self._entries) - len(self._discarded)

    def __iter__(self) -> Iterator[Record]:
        """In no order."""
        return (entry[3] for entry in self._entries if entry[2] not in self._discarded)

    def push(self, at: int, record: Record) -> int:
        """Put a record in at this time. The number it returns is the entry's."""
        self._last += 1
        heappush(self._entries, (at, record.id, self._last, record))
        return self._last

    def discard(self, number: int) -> None:
        """Take an entry out that is in."""
        self._discarded.add(number)
        if len(self._discarded) > WORTH_CLEARING and len(self._discarded) * 2 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[2] not in self._discarded]
            self._discarded.clear()
            heapify(self._entries)

    def first_at(self) -> int | None:
        """The time of the first record; None if there is no record."""
        self._clear_top()
        return self._entries[0][0] if self._entries else None

    def pop(self) -> Record | None:
        """Take the first record out."""
        if self._discarded:
            self._clear_top()
        return heappop(self._entries)[3] if self._entries else None

    def pop_until(self, until: int) -> Record | None:
        """Take the first record out if its time is not later than this."""
        at = self.first_at()
        return None if at is None or at > until else heappop(self._entries)[3]

    def _clear_top(self) -> None:
        entries, discarded = self._entries, self._discarded
        while discarded and entries and entries[0][2] in discarded:
            discarded.remove(heappop(entries)[2])
