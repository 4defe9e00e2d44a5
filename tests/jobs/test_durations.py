import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.durations import seconds, text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0, 0.0),
        (90, 90.0),
        (1.5, 1.5),
        (Decimal("0.25"), 0.25),
        (timedelta(minutes=1, milliseconds=5), 60.005),
        ("0", 0.0),
        ("90", 90.0),
        ("1.5", 1.5),
        ("40ms", 0.04),
        ("2.5s", 2.5),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
        ("2w", 1209600.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        (" 1 h 30 m ", 5400.0),
        ("1m500ms", 60.5),
    ],
)
def test_a_duration_is_a_timedelta_seconds_or_text(written: Any, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "m",
            "5 5",
            "1 0m",
            "5x",
            "5M",
            "-5m",
            "+5m",
            "1e3",
            ".5s",
            "5m30",
            "1:30",
            "nan",
            "inf",
        ),
        *(None, True, False, [], b"5m", object()),
        *(-1, -0.5, timedelta(seconds=-1), math.nan, math.inf, -math.inf, 10**400, "9" * 400),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_anything_else_is_refused_and_named(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration") as caught:
        seconds(written)
    assert repr(written) in str(caught.value)


@given(st.text(max_size=20) | st.floats() | st.integers() | st.timedeltas())
def test_whatever_is_given_the_answer_is_a_finite_length_or_a_refusal(written: Any) -> None:
    try:
        length = seconds(written)
    except ValueError:
        return
    assert 0 <= length < math.inf


@pytest.mark.parametrize(
    ("length", "read"),
    [
        (0, "0ms"),
        (0.04, "40ms"),
        (0.9, "900ms"),
        (1, "1s"),
        (2.5, "2.5s"),
        (59.4, "59.4s"),
        (60, "1m"),
        (61, "1m 1s"),
        (119.7, "2m"),
        (5400, "1h 30m"),
        (5430, "1h 30m"),
        (7199, "1h 59m"),
        (86400, "1d"),
        (90000, "1d 1h"),
        (1209600, "14d"),
    ],
)
def test_people_read_the_two_largest_parts(length: float, read: str) -> None:
    assert text(length) == read


@given(st.floats(0.001, 1e8))
def test_what_people_read_can_be_written_and_is_as_long_give_or_take(length: float) -> None:
    # The parts after the second are cut: an hour, at most, where there are days.
    assert seconds(text(length)) == pytest.approx(length, rel=0.042, abs=0.001)
