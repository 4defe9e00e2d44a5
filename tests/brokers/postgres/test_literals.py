from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoker.brokers.postgres.literals import moments, numbers, plain, texts
from stoker.brokers.postgres.statements import NOW, ServerTime, numbered, statements
from stoker.jobs.clock import Offset
from stoker.jobs.codec import storable
from stoker.jobs.errors import BrokerRefused

QUICK = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
storable_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(url: str, literal: str, kind: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT CAST(%s AS text)::{kind}[]", [literal]).fetchone()
    assert row is not None
    found: list[Any] = row[0]
    return found


@QUICK
@given(st.lists(st.one_of(st.none(), storable_texts)))
def test_any_text_comes_through(postgres_url: str, items: list[str | None]) -> None:
    assert read(postgres_url, texts(items), "text") == items


@pytest.mark.parametrize("text", ["", "NULL", "null", "{}", '"', "\\", "a,b", " ", "\n", "ä", "'"])
def test_texts_that_look_like_something_else_come_through(postgres_url: str, text: str) -> None:
    assert read(postgres_url, texts([text, None]), "text") == [text, None]
    assert read(postgres_url, texts([texts([text])]), "text") == [texts([text])]


def test_what_is_made_storable_comes_through(postgres_url: str) -> None:
    fit = storable("nul \0 and \ud800")
    assert read(postgres_url, texts([fit]), "text") == [fit]


@QUICK
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))))
def test_numbers_come_through(postgres_url: str, items: list[float | None]) -> None:
    assert read(postgres_url, numbers(items), "float8") == items


def test_moments_come_through(postgres_url: str) -> None:
    items = [
        datetime(2026, 11, 25, 3, 4, 5, 678901, UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(2200, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        None,
    ]
    assert read(postgres_url, moments(items), "timestamptz")[::2] == items[::2]


def test_an_empty_list_is_one(postgres_url: str) -> None:
    for written in (plain([]), numbers([]), texts([]), moments([])):
        assert read(postgres_url, written, "text") == []


def test_parameters_are_numbered_in_the_order_of_the_header() -> None:
    text = "-- takes: b int, a text[]\nSELECT :a, x::text, :b, :a -- :c\n"
    assert numbered("one", text) == (
        "SELECT CAST(CAST($2 AS text) AS text[]), x::text, CAST($1 AS int), "
        "CAST(CAST($2 AS text) AS text[])"
    )


@pytest.mark.parametrize("text", ["SELECT :a", "-- takes: a int, b int\nSELECT :a"])
def test_a_header_that_is_not_true_is_refused(text: str) -> None:
    with pytest.raises(BrokerRefused, match=r"one\.sql and its header disagree"):
        numbered("one", text)


def test_every_statement_asks_the_servers_clock_in_the_one_way_that_is_moved() -> None:
    for name in statements().__struct_fields__:
        text = getattr(statements(), name).lower().replace(NOW, "")
        if name == "uptime":
            continue  # how long the server itself has been there is nobody's to move
        assert not any(word in text for word in ("now()", "clock_timestamp", "current_")), name


def test_an_offset_moves_it() -> None:
    offset = Offset()
    assert ServerTime(offset).of(f"SELECT {NOW}") == f"SELECT {NOW}"
    offset.advance(90.5)
    assert ServerTime(offset).of(f"SELECT {NOW}") == f"SELECT ({NOW} + interval '90.500000 seconds')"
