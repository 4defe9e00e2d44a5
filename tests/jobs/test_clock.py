import time

import pytest

from stoker.jobs.clock import Clock, FakeClock, Offset, SystemClock


def test_the_systems_clock_tells_the_time_of_day() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_what_has_elapsed_is_not_disturbed_by_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.elapsed()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() == 0.0
    assert clock.elapsed() >= before


@pytest.mark.skipif(
    not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux tells time in suspend apart"
)
def test_what_has_elapsed_counts_the_time_in_suspend() -> None:
    assert SystemClock().elapsed() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1.0)


def test_a_fake_clock_stands_still_until_it_is_moved() -> None:
    clock: Clock = FakeClock(now=100.0)
    assert (clock.now(), clock.now()) == (100.0, 100.0)
    assert clock.elapsed() == clock.elapsed()


def test_time_that_passes_shows_in_both_readings() -> None:
    clock = FakeClock(now=100.0)
    elapsed = clock.elapsed()
    clock.advance(7.5)
    assert (clock.now(), clock.elapsed() - elapsed) == (107.5, 7.5)


def test_a_clock_that_is_set_passes_no_time() -> None:
    clock = FakeClock(now=100.0)
    elapsed = clock.elapsed()
    clock.jump(-3600.0)
    assert (clock.now(), clock.elapsed()) == (-3500.0, elapsed)


def test_an_offset_adds_up() -> None:
    offset = Offset()
    offset.advance(10.0)
    offset.advance(5.0)
    assert offset.seconds == 15.0
