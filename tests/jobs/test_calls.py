from datetime import UTC, datetime
from typing import Any

import pytest

from stoker.jobs.calls import Call, EnqueueOptions, Unique
from stoker.jobs.operating import TypeInfo


@pytest.fixture
def call() -> Call[int]:
    return Call(TypeInfo(name="mail.send", queue="mail"), {"to": "a"}, b'{"to":"a"}', int)


def test_a_call_is_of_its_handlers_type(call: Call[int]) -> None:
    assert (call.type, call.defaults.queue, call.returns) == ("mail.send", "mail", int)
    assert call.chosen == EnqueueOptions()


def test_every_option_is_taken(call: Call[int]) -> None:
    every: dict[str, Any] = {
        "id": "an id",
        "queue": "slow",
        "priority": 0,
        "delay": "1h",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "tags": ["a"],
        "unique": Unique(key="k"),
        "expires": 60,
        "max_attempts": 1,
        "timeout": "5m",
    }
    assert call.options(**every).chosen == EnqueueOptions(**every)
    assert set(every) == set(EnqueueOptions.__struct_fields__) - {"headers"}


def test_options_leave_the_call_itself_as_it_is(call: Call[int]) -> None:
    other = call.options(priority=9)
    assert call.chosen.priority is None
    assert (other.arguments, other.payload, other.returns) == (call.arguments, call.payload, int)


def test_later_options_go_over_earlier_ones_and_keep_the_rest(call: Call[int]) -> None:
    chosen = call.options(priority=9, queue="slow").options(priority=1).chosen
    assert (chosen.priority, chosen.queue) == (1, "slow")


def test_a_later_time_takes_the_place_of_an_earlier_one_however_it_is_said(call: Call[int]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    chosen = call.options(at=at).options(delay="1h").chosen
    assert (chosen.at, chosen.delay) == (None, "1h")
    chosen = call.options(delay="1h").options(at=at).options(priority=1).chosen
    assert (chosen.at, chosen.delay) == (at, None)


@pytest.mark.parametrize(
    "said",
    [{"priority": 0}, {"delay": 0}, {"unique": False}, {"tags": []}, {"unique": ""}],
)
def test_what_is_said_counts_even_if_it_is_nothing(said: dict[str, Any]) -> None:
    below = EnqueueOptions(priority=5, delay=60, unique=True, tags=["a"])
    over = EnqueueOptions(**said).over(below)
    (name, value), *_ = said.items()
    assert getattr(over, name) == value


def test_a_call_shows_itself_in_short(call: Call[int]) -> None:
    assert repr(call) == '<Call mail.send {"to":"a"}>'
    long: Call[Any] = Call(TypeInfo(name="a"), {}, b"{" + b"\xff" * 100_000)
    assert len(repr(long)) < 100
