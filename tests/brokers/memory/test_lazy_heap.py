import random

from hypothesis import given
from hypothesis import strategies as st

from stoker.brokers.conformance.making import new_job
from stoker.brokers.instant import Instant
from stoker.brokers.memory.lazy_heap import WORTH_CLEARING, LazyHeap
from stoker.brokers.memory.record import Record, record_of


def record(id: str = "") -> Record:
    made = record_of(new_job(), Instant(0, 0))
    made.id = id or made.id
    return made


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans())))
def test_what_is_not_discarded_comes_in_the_order_of_time_and_id(
    pushes: list[tuple[int, bool]],
) -> None:
    heap = LazyHeap()
    kept: list[tuple[int, str]] = []
    for at, stays in pushes:
        one = record()
        number = heap.push(at, one)
        if stays:
            kept.append((at, one.id))
        else:
            heap.discard(number)
    assert len(heap) == len(kept)
    assert sorted(each.id for each in heap) == sorted(id for _, id in kept)
    popped = [each.id for each in iter(heap.pop, None)]
    assert popped == [id for _, id in sorted(kept)]


def test_only_what_is_due_is_popped() -> None:
    heap = LazyHeap()
    for at in (30, 10, 20):
        heap.push(at, record(str(at)))
    assert [each.id for each in iter(lambda: heap.pop_until(20), None)] == ["10", "20"]
    assert heap.first_at() == 30


def test_one_record_may_be_in_it_again_at_the_same_time() -> None:
    heap = LazyHeap()
    one = record()
    heap.discard(heap.push(5, one))
    heap.push(5, one)
    assert heap.pop() is one
    assert heap.pop() is None


def test_discarded_entries_do_not_pile_up() -> None:
    heap = LazyHeap()
    chance = random.Random(1)
    times = chance.sample(range(1000), 1000)
    numbers = {at: heap.push(at, record(str(at))) for at in times}
    kept = sorted(times[:200])
    for at in chance.sample(times[200:], 800):
        heap.discard(numbers[at])
    assert len(heap) == 200
    assert len(heap._entries) <= 2 * 200 + WORTH_CLEARING
    assert [each.id for each in iter(heap.pop, None)] == [str(at) for at in kept]
