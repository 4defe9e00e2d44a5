"""All jobs in the order in which listings show them, in blocks that know which states they hold."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator

from stoker.brokers.memory.record import Record
from stoker.jobs.operating import Counts

SIZE = 1024
"""Records of a block: a listing of a rare state looks through one block for each job that it finds."""

Place = tuple[int, int]
"""Creation and number of a record: what listings are ordered by."""


def place_of(record: Record) -> Place:
    return record.created_at, record.seq


class Block:
    """Neighbouring records, never none, and how many of them are counted under which name."""

    __slots__ = ("counts", "number", "records")

    def __init__(self, number: int) -> None:
        self.number = number
        self.records: list[Record] = []
        self.counts = dict.fromkeys(Counts.__struct_fields__, 0)

    def first(self) -> Place:
        return place_of(self.records[0])

    def last(self) -> Place:
        return place_of(self.records[-1])


class Listing:
    """Ordered by creation, then by number. A job moves from state to state without changing its place.

    So a move costs two counters, and a listing skips the blocks that hold nothing it looks for.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._by_number: dict[int, Block] = {}
        self._last = 0

    def add(self, record: Record) -> None:
        """Put a new record in, which nothing counts yet."""
        place = place_of(record)
        block = self._block_for(place)
        if not block.records or block.last() < place:
            block.records.append(record)
        else:  # the clock has been set back
            insort(block.records, record, key=place_of)
        record.block = block.number
        if len(block.records) > 2 * SIZE:
            self._split(block)

    def remove(self, record: Record) -> None:
        """Take a record out, which nothing counts any more."""
        block = self._by_number[record.block]
        del block.records[bisect_left(block.records, place_of(record), key=place_of)]
        if not block.records:
            del self._by_number[block.number]
            self._blocks.remove(block)

    def count(self, record: Record, delta: int) -> None:
        """One record more, or less, under the name that it is counted under."""
        self._by_number[record.block].counts[record.counted] += delta

    def newest(self, names: Collection[str], before: Place, since: int) -> Iterator[Record]:
        """Records that are counted under one of these names, the newest first.

        Only those before a place, and those created at `since` (microseconds) or later.
        """
        end = bisect_left(self._blocks, before, key=Block.first)
        for block in reversed(self._blocks[:end]):
            if block.records[-1].created_at < since:
                return
            if any(map(block.counts.__getitem__, names)):
                below = bisect_left(block.records, before, key=place_of)
                for record in reversed(block.records[:below]):
                    if record.created_at < since:
                        return
                    if record.counted in names:
                        yield record

    def _block_for(self, place: Place) -> Block:
        if not self._blocks:
            return self._new_block(0)
        last = self._blocks[-1]
        if place > last.last():
            return last if len(last.records) < SIZE else self._new_block(len(self._blocks))
        index = bisect_right(self._blocks, place, key=Block.first)
        return self._blocks[max(0, index - 1)]

    def _new_block(self, index: int) -> Block:
        self._last += 1
        block = self._by_number[self._last] = Block(self._last)
        self._blocks.insert(index, block)
        return block

    def _split(self, block: Block) -> None:
        upper = self._new_block(self._blocks.index(block) + 1)
        upper.records, block.records = block.records[SIZE:], block.records[:SIZE]
        for record in upper.records:
            record.block = upper.number
            if record.counted:
                block.counts[record.counted] -= 1
                upper.counts[record.counted] += 1
