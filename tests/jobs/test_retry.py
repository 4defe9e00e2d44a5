from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.retry import DEFAULT_RETRY, Retry

MINUTE = 60.0

policies = st.builds(
    Retry,
    base=st.floats(0, 1e6),
    factor=st.floats(1, 1e12),
    cap=st.floats(0, 1e9),
    jitter=st.floats(0, 1),
)
chances = st.floats(0, 1, exclude_max=True)


def test_six_runs_with_waits_of_2_4_8_16_and_32_minutes() -> None:
    assert DEFAULT_RETRY.max_attempts == 6
    waits = [DEFAULT_RETRY.wait(attempt, 0.0) / MINUTE for attempt in range(1, 6)]
    assert waits == [2, 4, 8, 16, 32]


def test_jitter_lengthens_by_a_tenth_at_most() -> None:
    waits = [DEFAULT_RETRY.wait(attempt, 0.999_999) / MINUTE for attempt in range(1, 6)]
    assert waits == pytest.approx([2.2, 4.4, 8.8, 17.6, 35.2], rel=1e-4)


@given(policies, st.integers(1, 10_000), chances)
def test_jitter_never_shortens_and_never_more_than_it_may(
    retry: Retry, attempt: int, random: float
) -> None:
    plain = retry.wait(attempt, 0.0)
    assert plain <= retry.wait(attempt, random) <= plain * (1 + retry.jitter)


@given(policies, st.integers(1, 1_000))
def test_waits_never_get_shorter_nor_pass_the_cap(retry: Retry, attempt: int) -> None:
    cap = float(retry.cap)  # type: ignore[arg-type]
    assert retry.wait(attempt, 0.0) <= retry.wait(attempt + 1, 0.0) <= cap


@pytest.mark.parametrize("attempt", [65, 2_000, 10**9])
@pytest.mark.parametrize("factor", [2, 2.0, 1e300])
def test_no_number_of_runs_is_too_many_to_compute_with(attempt: int, factor: float) -> None:
    assert Retry(factor=factor).wait(attempt, 0.0) == 32 * MINUTE
    assert Retry(factor=factor, base=0).wait(attempt, 0.0) == 0.0


def test_a_slow_growth_reaches_the_cap_too() -> None:
    retry = Retry(base="1s", factor=1.01, cap="1m")
    assert retry.wait(100, 0.0) == pytest.approx(1.01**99)
    assert retry.wait(1_000, 0.0) == MINUTE


def test_a_factor_of_one_waits_the_same_each_time() -> None:
    retry = Retry(base="30s", factor=1, jitter=0)
    assert {retry.wait(attempt, 0.9) for attempt in range(1, 50)} == {30.0}


def test_a_job_may_be_run_but_once() -> None:
    assert Retry(max_attempts=1).max_attempts == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"max_attempts": 0}, "max_attempts counts runs, so it is at least 1, not 0"),
        ({"max_attempts": 2.5}, "at least 1, not 2.5"),
        ({"max_attempts": "3"}, "at least 1, not 3"),
        ({"factor": 0.5}, "factor must be at least 1 and finite, not 0.5"),
        ({"factor": float("nan")}, "factor must be at least 1"),
        ({"factor": float("inf")}, "factor must be at least 1"),
        ({"jitter": -0.1}, "jitter must lie between 0 and 1, not -0.1"),
        ({"jitter": 1.1}, "jitter must lie between 0 and 1"),
        ({"jitter": float("nan")}, "jitter must lie between 0 and 1"),
        ({"base": "soon"}, "'soon' is not a duration"),
        ({"cap": -1}, "-1 is not a duration"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_where_it_is_written(
    given: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError) as caught:
        Retry(**given)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("retry", "error", "gives_up"),
    [
        (Retry(), ValueError(), False),
        (Retry(), KeyboardInterrupt(), True),
        (Retry(retry_on=(OSError,)), ConnectionError(), False),
        (Retry(retry_on=(OSError,)), ValueError(), True),
        (Retry(give_up_on=(LookupError,)), KeyError(), True),
        (Retry(retry_on=(LookupError,), give_up_on=(KeyError,)), IndexError(), False),
        (Retry(retry_on=(LookupError,), give_up_on=(KeyError,)), KeyError(), True),
    ],
)
def test_an_error_is_retried_if_it_is_among_those_to_retry_and_not_among_those_to_give_up(
    retry: Retry, error: BaseException, gives_up: bool
) -> None:
    assert retry.gives_up(error) is gives_up
