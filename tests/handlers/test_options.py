from typing import Any

import pytest

from stoker.handlers import Cron, Retry, Unique, handler
from stoker.handlers.options import HandlerOptions
from stoker.jobs.errors import HandlerError


def take(number: int = 0) -> None:
    """Take a number."""


def options(**given: Any) -> HandlerOptions:
    return handler("a.b", **given)(take).options


def test_without_options_the_systems_defaults_hold() -> None:
    assert options() == HandlerOptions(description="Take a number.")
    assert options().timeout is None
    assert options().retry == Retry()


@pytest.mark.parametrize(("given", "seconds"), [("5m", 300.0), (2, 2.0), (None, None)])
def test_durations_become_seconds(given: Any, seconds: float | None) -> None:
    assert options(timeout=given, expires=given).timeout == seconds
    assert options(timeout=given, expires=given).expires == seconds


@pytest.mark.parametrize(
    ("given", "unique"),
    [
        (None, None),
        (False, None),
        (True, Unique()),
        ("key", Unique(key="key")),
        (Unique(by=["number"]), Unique(by=["number"])),
    ],
)
def test_unique_is_a_text_true_or_spelled_out(given: Any, unique: Unique | None) -> None:
    assert options(unique=given).unique == unique


def test_a_schedule_may_be_a_plain_line() -> None:
    assert options(cron="0 3 * * *").cron == Cron("0 3 * * *")


def test_a_description_of_its_own_goes_before_the_docstring() -> None:
    assert options(description="mine").description == "mine"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"queue": "a b"}, "queue 'a b' is no name"),
        ({"queue": None}, "queue None is no name"),
        ({"priority": 10}, "priority lies between 0 and 9 (higher first), not 10"),
        ({"priority": True}, "priority lies between 0 and 9"),
        ({"priority": "high"}, "priority lies between 0 and 9"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        ({"timeout": 0}, "timeout is more than 0 seconds"),
        ({"expires": -1}, "expires: -1 is not a duration"),
        ({"expires": object()}, "expires: "),
        ({"retry": 3}, "retry cannot be 3"),
        ({"unique": 3}, "unique is a text, True or Unique(…), not 3"),
        ({"unique": Unique(by=["kind"])}, "unique by 'kind', which is no parameter; it takes number"),
        ({"unique": Unique(by="number")}, "'by' is a list of parameters: ['number']"),
        ({"unique": Unique(scope="always")}, "scope is 'active', 'waiting' or a duration"),
        ({"isolation": "thread"}, "isolation is 'process' or None, not 'thread'"),
        ({"tags": "nightly"}, "tags is a list of texts, not 'nightly'"),
        ({"tags": [1]}, "tags is a list of texts"),
        ({"tags": 3}, "tags is a list of texts"),
        ({"tags": [""]}, "at most 20 tags of 1 to 200 characters"),
        ({"tags": ["a"] * 21}, "at most 20 tags"),
        ({"cron": 3}, "cron cannot be 3"),
        ({"cron": " "}, "a schedule is a line such as"),
        ({"cron": "0 3 * *"}, "'0 3 * *' is no schedule: it has 4 fields"),
        ({"self_fence": "no"}, "self_fence cannot be 'no'"),
        ({"middleware": 3}, "middleware is a list of"),
        ({"middleware": [3]}, "middleware is a list of"),
        ({"version": 3}, "version is a text, not 3"),
        ({"queues": "a"}, "there is no option 'queues'; there are cron, "),
    ],
)
def test_a_wrong_option_is_refused_by_name(given: dict[str, Any], text: str) -> None:
    with pytest.raises(HandlerError) as caught:
        options(**given)
    assert str(caught.value).startswith("a.b: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 129, ".a", 3])
def test_a_name_that_no_job_can_carry_is_refused(name: Any) -> None:
    with pytest.raises(HandlerError, match=r"cannot name a handler|needs the job type's name"):
        handler(name)(take)
