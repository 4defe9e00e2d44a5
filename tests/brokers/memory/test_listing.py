from hypothesis import given
from hypothesis import strategies as st

from stoker.brokers.conformance.making import new_job
from stoker.brokers.instant import Instant
from stoker.brokers.memory.listing import SIZE, Listing, place_of
from stoker.brokers.memory.record import Record, record_of

END = 2**62, 2**62
BEGIN = -(2**62)
NAMES = ("ready", "completed")


def add(listing: Listing, seq: int, created_at: int, counted: str = "ready") -> Record:
    record = record_of(new_job(), Instant(created_at, 0))
    record.seq = seq
    listing.add(record)
    record.counted = counted
    listing.count(record, 1)
    return record


def remove(listing: Listing, record: Record) -> None:
    listing.count(record, -1)
    listing.remove(record)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(NAMES), st.booleans()), max_size=60),
    st.integers(-1, 51),
    st.integers(-1, 51),
)
def test_the_newest_come_first_though_the_clock_jumps(
    jobs: list[tuple[int, str, bool]], before: int, since: int
) -> None:
    listing = Listing()
    records = [add(listing, seq, at, name) for seq, (at, name, _) in enumerate(jobs)]
    for record, (_, _, stays) in zip(records, jobs, strict=True):
        if not stays:
            remove(listing, record)
    kept = [record for record, (_, _, stays) in zip(records, jobs, strict=True) if stays]
    for names in (NAMES, NAMES[:1], NAMES[1:]):
        wanted = [
            record
            for record in sorted(kept, key=place_of, reverse=True)
            if since <= record.created_at < before and record.counted in names
        ]
        assert list(listing.newest(names, (before, 0), since)) == wanted


def test_a_block_that_grows_in_the_middle_is_split_with_its_counts() -> None:
    listing = Listing()
    records = [add(listing, 0, 1_000_000)]
    # All before the first one: the clock was set back, and they go into its block.
    records += [add(listing, seq, seq, NAMES[seq % 2]) for seq in range(1, 3 * SIZE)]
    assert len(listing._blocks) > 1
    for block in listing._blocks:
        for name in NAMES:
            assert block.counts[name] == sum(record.counted == name for record in block.records)
    newest = list(listing.newest(NAMES, END, BEGIN))
    assert newest == sorted(records, key=place_of, reverse=True)
    for record in records:
        remove(listing, record)
    assert list(listing.newest(NAMES, END, BEGIN)) == []
    assert listing._blocks == [] and listing._by_number == {}


def test_blocks_without_what_is_looked_for_are_passed_over() -> None:
    listing = Listing()
    records = [add(listing, seq, seq) for seq in range(5 * SIZE)]
    rare = records[10]
    listing.count(rare, -1)
    rare.counted = "failed"
    listing.count(rare, 1)
    for block in listing._blocks[1:]:
        block.records = block.records[:1] + [None] * (SIZE - 2) + block.records[-1:]  # type: ignore[assignment]
    assert list(listing.newest(["failed"], END, BEGIN)) == [rare]


def test_a_move_keeps_a_jobs_place() -> None:
    listing = Listing()
    first, second = add(listing, 1, 1), add(listing, 2, 2)
    listing.count(first, -1)
    first.counted = "completed"
    listing.count(first, 1)
    assert list(listing.newest(NAMES, END, BEGIN)) == [second, first]
