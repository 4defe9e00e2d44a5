import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.codec import (
    MAX_DEPTH,
    MAX_PAYLOAD,
    check_payload,
    encode_payload,
    encode_result,
    refuse_unstorable,
    storable,
    text_problem,
)
from stoker.jobs.errors import InvalidPayload


class Row(msgspec.Struct, rename="camel"):
    unit_price: float | None
    name: str = ""


@dataclass
class Point:
    x: float


class Ratio(Enum):
    UNKNOWN = math.nan


def nested(levels: int) -> Any:
    """Lists in an object: so many levels, the object included."""
    value: Any = []
    for _ in range(levels - 2):
        value = [value]
    return {"a": value}


def strings(value: Any) -> list[str]:
    """Every text in a value that was read from JSON, the keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return []


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text(st.characters()), values, max_size=4)

# What no store can keep, and how it is named. Text and numbers of every container that encodes.
UNSTORABLE: list[tuple[dict[str, Any], str]] = [
    ({"a": "x\0y"}, "the payload holds a NUL character at 'a'"),
    ({"a": {"b": [1, "\0"]}}, "the payload holds a NUL character at 'a.b[1]'"),
    ({"a\0": 1}, "the payload holds a NUL character at 'a\\x00'"),
    ({"a": Row(None, "\0")}, "the payload holds a NUL character at 'a.name'"),
    ({"a": msgspec.Raw(b'"\\u0000"')}, "the payload holds a NUL character at 'a'"),
    ({"a": math.nan}, "the payload holds nan at 'a': JSON has no such number"),
    ({"a": [math.inf]}, "the payload holds inf at 'a[0]'"),
    ({"a": -math.inf}, "the payload holds -inf at 'a'"),
    ({"a": Row(math.nan)}, "the payload holds nan at 'a.unitPrice'"),
    ({"a": Point(math.nan)}, "the payload holds nan at 'a.x'"),
    ({"a": {math.nan}}, "the payload holds nan at 'a[0]'"),
    ({"a": (1.0, math.nan)}, "the payload holds nan at 'a[1]'"),
    ({"a": Ratio.UNKNOWN}, "the payload holds nan at 'a'"),
    ({"a": "\ud800"}, "surrogates not allowed"),
    ({"\ud800": 1}, "surrogates not allowed"),
    ({"a": object()}, "cannot be written as JSON"),
    ({"a": {(1, 2): 3}}, "cannot be written as JSON"),
    ({"a": 10**5000}, "cannot be written as JSON"),
    ({"a": msgspec.Raw(b"{nonsense")}, "cannot be written as JSON"),
    (nested(MAX_DEPTH + 1), f"the payload is nested deeper than {MAX_DEPTH} levels"),
    (nested(100_000), "maximum recursion depth exceeded"),
]


@pytest.mark.parametrize(("arguments", "text"), UNSTORABLE, ids=[text for _, text in UNSTORABLE])
def test_what_no_store_can_keep_is_refused_with_its_place(arguments: Any, text: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        encode_payload(arguments)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "data"),
    [
        ({}, b"{}"),
        ({"a": None, "b": 1.5}, b'{"a":null,"b":1.5}'),
        ({"day": date(2026, 1, 31)}, b'{"day":"2026-01-31"}'),
        ({"at": datetime(2026, 1, 31, tzinfo=UTC)}, b'{"at":"2026-01-31T00:00:00Z"}'),
        ({"a": Row(None, "é")}, '{"a":{"unitPrice":null,"name":"é"}}'.encode()),
        ({"a": "a \\u0000 spelled out"}, b'{"a":"a \\\\u0000 spelled out"}'),
        ({"a": 2**80}, b'{"a":1208925819614629174706176}'),
        ({"a": b"\0"}, b'{"a":"AA=="}'),
        ({"a": msgspec.Raw(b'{"b":null}')}, b'{"a":{"b":null}}'),
        (Row(1.0), b'{"unitPrice":1.0,"name":""}'),
    ],
)
def test_arguments_become_a_json_object(arguments: Any, data: bytes) -> None:
    assert encode_payload(arguments) == data


@pytest.mark.parametrize("arguments", [None, 1, "a", [], [1], b"a", date(2026, 1, 1)])
def test_arguments_that_are_no_object_are_refused(arguments: Any) -> None:
    with pytest.raises(InvalidPayload, match="the payload must be an object keyed by parameter"):
        encode_payload(arguments)


def test_a_payload_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    fitting = {"a": "x" * (MAX_PAYLOAD - len('{"a":""}'))}
    assert len(encode_payload(fitting)) == MAX_PAYLOAD
    fitting["a"] += "x"
    with pytest.raises(InvalidPayload, match="the payload has 262,145 bytes; at most 262,144 are"):
        encode_payload(fitting)


def test_the_size_is_that_of_the_bytes_and_not_of_the_characters() -> None:
    with pytest.raises(InvalidPayload, match="at most 20 are allowed"):
        encode_payload({"a": "é" * 10}, limit=20)


def test_the_deepest_payload_that_passes_can_be_read_again() -> None:
    assert json.loads(encode_payload(nested(MAX_DEPTH))) == nested(MAX_DEPTH)


def test_objects_and_lists_in_turn_are_as_deep() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH // 2):
        value = {"a": [value]}
    encode_payload(value)
    with pytest.raises(InvalidPayload, match="nested deeper than 64 levels"):
        encode_payload({"a": value})


def test_many_values_beside_one_another_are_not_deep() -> None:
    assert encode_payload({"a": [[] for _ in range(10 * MAX_DEPTH)]})


@given(objects)
def test_what_passes_is_read_as_what_it_was(arguments: dict[str, Any]) -> None:
    try:
        data = encode_payload(arguments)
    except InvalidPayload:
        return
    assert json.loads(data) == arguments
    assert all(text_problem(text) is None for text in strings(json.loads(data)))


@given(objects)
def test_a_payload_that_is_json_already_is_judged_like_the_arguments(arguments: dict[str, Any]) -> None:
    written = json.dumps(arguments).encode()
    try:
        data = encode_payload(arguments)
    except InvalidPayload:
        with pytest.raises(InvalidPayload):
            check_payload(written)
    else:
        assert json.loads(check_payload(written)) == json.loads(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'{"a":1}x', "is not JSON"),
        (b'{"a":"\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "must be an object"),
        (b'{"a":NaN}', "holds nan at 'a'"),
        (b'{"a":1e999}', "holds inf at 'a'"),
        (b'{"a":"\\u0000"}', "holds a NUL character at 'a'"),
        (b'{"a":"\\ud800"}', "surrogates not allowed"),
        (b'{"a":"' + b"x" * MAX_PAYLOAD + b'"}', "at most 262,144 are allowed"),
    ],
    ids=range(11),
)
def test_a_payload_that_cannot_be_kept_is_refused_as_it_stands(data: bytes, text: str) -> None:
    with pytest.raises(InvalidPayload, match=text):
        check_payload(data)


def test_a_value_may_be_asked_about_before_it_is_encoded() -> None:
    refuse_unstorable({"a": [None, "é", 1.0]}, "value")
    with pytest.raises(
        InvalidPayload, match="the value cannot be written as JSON: objects of type object"
    ):
        refuse_unstorable(object(), "value")
    with pytest.raises(InvalidPayload, match="the value holds a lone surrogate at"):
        refuse_unstorable({"a": "\ud800"}, "value")
    with pytest.raises(InvalidPayload, match="the value is nested deeper"):
        refuse_unstorable(nested(100_000), "value")


@pytest.mark.parametrize(
    ("result", "data"),
    [
        (None, b"null"),
        (1, b"1"),
        ("a", b'"a"'),
        ([None], b"[null]"),
        (Row(1.0), b'{"unitPrice":1.0,"name":""}'),
    ],
)
def test_a_result_may_be_any_value(result: Any, data: bytes) -> None:
    assert encode_result(result) == (data, None)


@pytest.mark.parametrize(
    ("result", "note"),
    [
        (object(), "the result is not kept: the result cannot be written as JSON: Encoding objects"),
        ("\0", "the result is not kept: the result holds a NUL character"),
        (["\0"], "a NUL character at '[0]'"),
        (math.nan, "the result is not kept: the result holds nan: JSON has no such number"),
        ("\ud800", "surrogates not allowed"),
        (nested(MAX_DEPTH + 1), "nested deeper than"),
        (msgspec.Raw(b"nonsense"), "cannot be written as JSON"),
        ("x" * MAX_PAYLOAD, "the result is not kept: it has 262,146 bytes, more than 262,144"),
    ],
    ids=range(8),
)
def test_a_result_that_cannot_be_kept_gives_way_to_a_note(result: Any, note: str) -> None:
    data, said = encode_result(result)
    assert data is None
    assert said is not None
    assert note in said
    assert text_problem(said) is None
    assert len(said) < 600


def test_a_result_of_exactly_the_limit_is_kept() -> None:
    assert encode_result("x" * 8, limit=10) == (b'"xxxxxxxx"', None)


@given(values)
def test_a_result_is_never_an_error(result: Any) -> None:
    data, note = encode_result(result)
    assert (data is None) is (note is not None)
    if data is not None:
        assert json.loads(data) == result


@given(st.text(st.characters(), max_size=300))
def test_any_text_is_made_fit_and_a_fit_one_is_left_alone(text: str) -> None:
    made = storable(text, limit=200)
    assert text_problem(made) is None
    if text_problem(text) is None and len(text) <= 200:
        assert made == text


def test_a_text_of_exactly_the_limit_is_whole() -> None:
    assert storable("x" * 34, limit=34) == "x" * 34


def test_a_text_that_is_cut_says_how_much_is_missing() -> None:
    assert storable("x" * 1_234, limit=34) == "x" * 34 + "… (1,200 more characters)"


def test_a_nul_and_a_surrogate_leave_a_mark() -> None:
    assert storable("a\0b") == "a\ufffdb"
    assert storable("é\ud800") == "é?"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", None), ("é😀", None), ("a\0", "a NUL character"), ("a\udfff", "a lone surrogate")],
)
def test_a_text_has_a_problem_or_none(text: str, problem: str | None) -> None:
    assert text_problem(text) == problem
