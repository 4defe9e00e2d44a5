from typing import Any

import pytest

from stoker.handlers import Cancel, Fail, Outcome, Retry, RetryAfter, Skip, Snooze
from stoker.handlers.endings import MAX_ERROR, MAX_TRACEBACK, ending_of
from stoker.jobs.codec import text_problem
from stoker.jobs.errors import InvalidPayload
from stoker.jobs.outcome import Raised, Skipped, Snoozed, Stopped

POLICY = Retry()


def raised(error: BaseException) -> BaseException:
    """The error as it is after it was raised here."""
    try:
        raise error
    except BaseException as caught:
        return caught


OUTCOMES: list[tuple[Outcome, Any]] = [
    (Snooze("5m"), Snoozed(300.0)),
    (Cancel("not needed"), Stopped("not needed")),
    (Cancel(), Stopped(None)),
    (Skip("nothing to do"), Skipped("nothing to do")),
    (Fail("wrong address"), Raised("wrong address", for_good=True)),
    (RetryAfter(30), Raised("asked to be retried after 30 s", delay=30.0)),
    (RetryAfter(30, "busy"), Raised("busy", delay=30.0)),
]


@pytest.mark.parametrize(("outcome", "ending"), OUTCOMES)
def test_every_outcome_has_its_ending(outcome: Outcome, ending: Any) -> None:
    assert ending_of(raised(outcome), POLICY, 1) == ending


@pytest.mark.parametrize(("outcome", "ending"), OUTCOMES)
def test_an_outcome_alone_in_groups_counts(outcome: Outcome, ending: Any) -> None:
    nested = ExceptionGroup("a", [ExceptionGroup("b", [outcome])])
    assert ending_of(raised(nested), POLICY, 1) == ending


def test_an_outcome_of_ones_own_counts_as_what_it_derives_from() -> None:
    class OutOfStock(Snooze): ...

    assert ending_of(OutOfStock(60), POLICY, 1) == Snoozed(60.0)


def test_an_outcome_beside_a_failure_is_a_failure() -> None:
    ending = ending_of(raised(ExceptionGroup("a", [Skip("x"), ValueError("y")])), POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.error == "ExceptionGroup: a: Skip: x; ValueError: y"
    assert not ending.for_good


def test_an_error_is_kept_with_its_type_message_and_traceback() -> None:
    ending = ending_of(raised(ValueError("wrong")), POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.error == "ValueError: wrong"
    assert ending.traceback is not None
    assert ending.traceback.startswith("Traceback (most recent call last):")
    assert ending.traceback.endswith("ValueError: wrong")
    assert (ending.for_good, ending.delay, ending.timed_out) == (False, None, False)


def test_an_error_without_a_message_is_named_by_its_type() -> None:
    ending = ending_of(ValueError(), POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.error == "ValueError"


def test_a_timeout_in_the_handlers_own_code_is_an_ordinary_failure() -> None:
    ending = ending_of(raised(TimeoutError("connect")), POLICY, 1)
    assert isinstance(ending, Raised)
    assert not ending.timed_out
    assert not ending.for_good


def test_a_payload_that_does_not_fit_is_not_retried() -> None:
    ending = ending_of(raised(InvalidPayload("a: parameter 'b' is missing")), POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.for_good
    assert ending.error == "InvalidPayload: a: parameter 'b' is missing"


@pytest.mark.parametrize(
    ("policy", "error", "for_good"),
    [
        (Retry(give_up_on=(KeyError,)), KeyError("a"), True),
        (Retry(give_up_on=(LookupError,)), KeyError("a"), True),
        (Retry(give_up_on=(KeyError,)), ValueError("a"), False),
        (Retry(retry_on=(OSError,)), ValueError("a"), True),
        (Retry(retry_on=(OSError,)), ConnectionError("a"), False),
        (Retry(retry_on=(OSError,)), ExceptionGroup("g", [OSError("a")]), False),
        (Retry(give_up_on=(KeyError,)), ExceptionGroup("g", [KeyError("a")]), True),
        (Retry(give_up_on=(KeyError,)), ExceptionGroup("g", [KeyError("a"), OSError("b")]), False),
        (Retry(give_up_on=(KeyError,)), ExceptionGroup("g", [KeyError("a"), KeyError("b")]), True),
        (Retry(give_up_on=(ExceptionGroup,)), ExceptionGroup("g", [OSError(), OSError()]), True),
    ],
)
def test_the_policy_says_which_errors_end_the_job(
    policy: Retry, error: Exception, for_good: bool
) -> None:
    ending = ending_of(raised(error), policy, 1)
    assert isinstance(ending, Raised)
    assert ending.for_good is for_good


def test_the_policys_own_delay_is_asked_with_the_run_and_its_error() -> None:
    asked: list[tuple[int, BaseException]] = []

    def delay(attempt: int, error: BaseException) -> str:
        asked.append((attempt, error))
        return "5m"

    error = ValueError("a")
    ending = ending_of(ExceptionGroup("g", [error]), Retry(delay=delay), 3)
    assert isinstance(ending, Raised)
    assert ending.delay == 300.0
    assert asked == [(3, error)]


def test_a_delay_of_none_leaves_it_to_the_table() -> None:
    ending = ending_of(ValueError("a"), Retry(delay=lambda attempt, error: None), 1)
    assert isinstance(ending, Raised)
    assert ending.delay is None


@pytest.mark.parametrize("answer", [ValueError("oops"), "soon", -1, object()])
def test_a_delay_that_fails_leaves_it_to_the_table_and_is_told(answer: Any) -> None:
    def delay(attempt: int, error: BaseException) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    ending = ending_of(raised(KeyError("a")), Retry(delay=delay), 1)
    assert isinstance(ending, Raised)
    assert ending.delay is None
    assert ending.error == "KeyError: 'a'"
    assert ending.traceback is not None
    assert "the retry policy's own delay failed" in ending.traceback


def test_an_outcome_raised_from_an_error_keeps_that_errors_traceback() -> None:
    try:
        try:
            raise ConnectionError("no route")
        except ConnectionError as error:
            raise Fail("unreachable") from error
    except Fail as outcome:
        ending = ending_of(outcome, POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.error == "unreachable"
    assert ending.traceback is not None
    assert "ConnectionError: no route" in ending.traceback


def test_texts_are_made_fit_for_every_store_and_cut() -> None:
    ending = ending_of(raised(ValueError("a\0\ud800" + "x" * 100_000)), POLICY, 1)
    assert isinstance(ending, Raised)
    assert ending.traceback is not None
    for text in (ending.error, ending.traceback):
        assert text_problem(text) is None
    assert len(ending.error) < MAX_ERROR + 100
    assert len(ending.traceback) < MAX_TRACEBACK + 300


def test_of_a_long_traceback_the_beginning_and_the_end_are_kept() -> None:
    error = raised(ExceptionGroup("many", [ValueError(f"number {i}") for i in range(2000)]))
    ending = ending_of(error, POLICY, 1)
    deep = raised(RuntimeError("last"))
    deep.__cause__ = raised(ValueError("first " + "x" * 50_000))
    chained = ending_of(deep, POLICY, 1)
    assert isinstance(ending, Raised)
    assert isinstance(chained, Raised)
    assert chained.traceback is not None
    assert "characters left out" in chained.traceback
    assert chained.traceback.endswith("RuntimeError: last")
    assert len(ending.error) < MAX_ERROR + 100


def test_an_error_that_cannot_say_what_it_is_ends_the_run_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    for error in (Mute(), Fail.__new__(Fail)):
        assert isinstance(ending_of(raised(error), POLICY, 1), Raised)
    assert "has no text" in ending_of(raised(Mute()), POLICY, 1).error  # type: ignore[union-attr]
