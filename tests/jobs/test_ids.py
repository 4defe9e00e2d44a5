import os
import threading
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.ids import IdSource, derived_id, is_of_queue, made_at, queue_byte

NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()

queues = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}", fullmatch=True)
instants = st.floats(0, 253_402_300_799)  # up to the year 9999


@given(queues, instants)
def test_an_id_is_a_uuid_of_version_7_in_its_canonical_form(queue: str, at: float) -> None:
    for id in (IdSource().next(queue, at), derived_id(queue, "order 7", at)):
        parsed = uuid.UUID(id)
        assert str(parsed) == id
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


@given(queues, instants)
def test_an_id_tells_its_queue_and_its_time(queue: str, at: float) -> None:
    for id in (IdSource().next(queue, at), derived_id(queue, "order 7", at)):
        assert is_of_queue(id, queue)
        assert int(id[-2:], 16) == queue_byte(queue)
        assert made_at(id) == pytest.approx(at, abs=0.001)


def test_the_bytes_of_queues_never_change() -> None:
    # Ids that are kept somewhere lead to shards by them.
    assert [queue_byte(queue) for queue in ("default", "mail", "reports")] == [105, 212, 108]


def test_ids_ascend_within_a_process() -> None:
    source = IdSource()
    ids = [source.next("mail") for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_ids_ascend_when_the_clock_stands_still_or_steps_back() -> None:
    source = IdSource()
    ids = [source.next("mail", at) for at in (NOW, NOW, NOW - 3600, NOW - 1, NOW, NOW + 1, NOW + 1)]
    assert ids == sorted(set(ids))
    # Nothing is dated ahead for it.
    assert made_at(ids[4]) == pytest.approx(NOW, abs=0.001)


@pytest.mark.parametrize("start", [0, 2**30 - 1, 2**41 - 1])
def test_what_counts_up_within_an_instant_uses_all_its_bits(
    start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: start.to_bytes(6, "big")[-count:])
    source = IdSource()
    ids = [uuid.UUID(source.next("mail", NOW)) for _ in range(3)]
    counters = [(id.int >> 64 & 0xFFF) << 30 | (id.int >> 32 & 0x3FFF_FFFF) for id in ids]
    assert counters == [start, start + 1, start + 2]


def test_half_of_the_counter_is_room_to_count_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: b"\xff" * count)
    id = uuid.UUID(IdSource().next("mail", NOW))
    assert id.int >> 64 & 0xFFF == 0x7FF


def test_ids_of_many_threads_are_unique_and_ascend_in_each() -> None:
    source, made = IdSource(), [list[str]() for _ in range(8)]
    start = threading.Barrier(len(made))

    def make(own: list[str]) -> None:
        start.wait()
        own.extend(source.next("mail", NOW) for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for own in made for id in own}) == 16_000
    for own in made:
        assert own == sorted(own)


def test_two_sources_at_one_instant_make_different_ids() -> None:
    assert len({IdSource().next("mail", NOW) for _ in range(1_000)}) == 1_000


def test_an_id_derived_from_a_key_and_an_instant_is_always_the_same() -> None:
    # Also in another process, on another host and in a later version: an order is a job once.
    known = "019b76da-a800-7fef-b439-6c3d2f7528d4"
    assert derived_id("mail", "order 7", 1_767_225_600.0) == known


@pytest.mark.parametrize(
    "other",
    [("mail", "order 8", NOW), ("mails", "order 7", NOW), ("mail", "order 7", NOW + 1)],
)
def test_an_id_derived_from_anything_else_is_another(other: tuple[str, str, float]) -> None:
    assert derived_id(*other) != derived_id("mail", "order 7", NOW)


def test_derived_ids_of_many_keys_do_not_meet() -> None:
    ids = {derived_id("mail", f"order {number}", NOW) for number in range(20_000)}
    assert len(ids) == 20_000


@pytest.mark.parametrize("at", [-1.0, -1e12, 1e15])
def test_a_time_that_no_id_can_carry_is_cut(at: float) -> None:
    for id in (IdSource().next("mail", at), derived_id("mail", "order 7", at)):
        assert uuid.UUID(id).version == 7
        assert made_at(id) == (0.0 if at < 0 else pytest.approx(2**48 / 1000))


def test_an_id_is_of_no_other_queue() -> None:
    for queue, other in (("mail", "default"), ("default", "mail"), ("reports", "mail")):
        assert not is_of_queue(derived_id(queue, "order 7", NOW), other)


def test_what_is_no_uuid_is_of_no_queue() -> None:
    with pytest.raises(ValueError):
        is_of_queue("mail-7", "mail")
