"""Schemas against what the workers that publish them really take."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from stoker.client.validating import Schemas, as_workers_read
from stoker.handlers.arguments import Arguments
from stoker.handlers.signature import Parameter, Signature
from stoker.jobs.errors import InvalidPayload
from stoker.jobs.operating import TypeInfo


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    ONE = 1


class Street(msgspec.Struct):
    name: str
    number: int = 0


class Car(msgspec.Struct, tag=True):
    seats: int


class Boat(msgspec.Struct, tag=True):
    sails: int


class Pair(NamedTuple):
    left: int
    right: str


class Typed(TypedDict):
    key: int


class Camel(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    some_field: int


@dataclass
class Plain:
    value: int


KINDS: list[Any] = [
    int, float, str, bool, bytes, dt.date, dt.timedelta, dt.datetime, dt.time, UUID, Decimal, Any,
    list[int], set[int], tuple[int, str], tuple[int, ...], dict[str, int], dict[int, str], int | None,
    int | str | None, Decimal | None, Colour, Size, Literal["a", 1], Street, Street | None, Car | Boat,
    Pair, Typed, Camel, Plain, list[Street], list[list[Street]], dict[str, Street | None],
    Annotated[int, msgspec.Meta(ge=1, le=5)], Annotated[float, msgspec.Meta(gt=0, lt=10)],
    Annotated[int, msgspec.Meta(multiple_of=3)], Annotated[list[int], msgspec.Meta(min_length=1)],
    Annotated[str, msgspec.Meta(pattern=r"^(?P<first>a)+\Z", max_length=3)],
    Annotated[dt.datetime, msgspec.Meta(tz=True)], Annotated[dt.time, msgspec.Meta(tz=True)],
]  # fmt: skip
"""Annotations of a parameter."""

VALUES: list[Any] = [
    0, 1, -1, 3, 1.0, 1.5, 2**53 + 1, 2**63, 2**70, 1e30, True, None, "", "a", "aaaa", "a\n", "red",
    "1", "1.5", "1e5", "NaN", "abc=", "YWJj", "2026-01-31", "2026-02-30", "2026-01-31T12:00:00",
    "2026-01-31T12:00:00Z", "2026-01-31 12:00:00+02:00", "2026-01-31T12:00:00.123456789+0530",
    "2026-01-31t12:00:00z", "2026-01-31T12:00Z", "12:00:00", "12:00:00Z", "12:00", "PT5M", "-PT5M",
    "PT5.5S", "P1DT2H", "P1Y", "P1W", "p1d", "5m", "12345678-1234-5678-1234-567812345678",
    "12345678123456781234567812345678", "ABCDEF78-1234-5678-1234-567812345678", [], [1], [1, 1],
    [1, "a"], [1.0], [1, "a", 2], {}, {"a": 1}, {"1": "x"}, {"key": 1}, {"key": 1, "z": 1},
    {"type": "Car", "seats": 4}, {"type": "Boat", "seats": 4}, {"someField": 1}, {"some_field": 1},
    {"someField": 1, "z": 1}, {"value": 1}, {"name": "Ring"}, {"name": "Ring", "number": 1.0},
    {"name": 3}, [{"name": "Ring"}], [[{"name": "Ring"}]], [[{"name": 3}]], {"a": {"name": "Ring"}},
]  # fmt: skip


def arguments(kind: Any) -> Arguments:
    parameter = Parameter(name="p", annotation=kind)
    return Arguments("type", Signature(parameters=(parameter,), **SIGNATURE))


SIGNATURE: dict[str, Any] = {"takes_ctx": False, "resources": {}, "is_async": True, "returns": Any}


def published(schema: Any) -> TypeInfo:
    """As it comes out of a broker."""
    info = TypeInfo(name="type", schema=schema)
    return msgspec.json.decode(msgspec.json.encode(info), type=TypeInfo)


def takes(check: Any, *args: Any) -> bool:
    try:
        check(*args)
    except InvalidPayload:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_nothing_is_refused_that_the_worker_would_take(kind: Any) -> None:
    worker, schemas = arguments(kind), Schemas()
    info = published(worker.schema())
    for value in VALUES:
        payload = msgspec.json.encode({"p": value})
        if takes(worker.decode, payload):
            schemas.check(info, payload)


# What a schema cannot say: a time may be without a zone, and the keys of an object are texts.
SAYS_LESS = [dt.datetime, dt.time, dict[int, str], Literal["a", 1], Size]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SAYS_LESS], ids=str)
def test_whatever_the_worker_would_refuse_is_refused(kind: Any) -> None:
    worker, schemas = arguments(kind), Schemas()
    info = published(worker.schema())
    for value in VALUES:
        payload = msgspec.json.encode({"p": value})
        if not takes(worker.decode, payload):
            assert not takes(schemas.check, info, payload), value


SENTENCES: list[tuple[Any, Any, str]] = [
    (int, "x", "expected int, got 'x'"),
    (int, 1.0, "expected int, got 1.0"),
    (int | None, "x", "expected int or null, got 'x'"),
    (str, None, "expected str, got None"),
    (bool, 1, "expected bool, got 1"),
    (float, "1", "expected float, got '1'"),
    (list[int], {}, "expected array, got {}"),
    (list[int], [1, "x"], "(at '[1]') expected int, got 'x'"),
    (dict[str, int], {"a": None}, "(at 'a') expected int, got None"),
    (list[Street], [{"name": 3}], "(at '[0].name') expected str, got 3"),
    (Street | None, {"name": 3}, "(at 'name') expected str, got 3"),
    (Street | None, 3, "expected object or null, got 3"),
    (Street, {}, "lacks field 'name'"),
    (Camel, {"someField": 1, "z": 1}, "has no field 'z'"),
    (Colour, "blue", "expected one of 'red', got 'blue'"),
    (Literal["a", "b"], "c", "expected one of 'a', 'b', got 'c'"),
    (dt.date, "31.1.", "expected a date such as '2026-01-31', got '31.1.'"),
    (dt.timedelta, "5m", "expected a duration such as 'PT5M', got '5m'"),
    (UUID, "x", "expected a UUID, got 'x'"),
    (Decimal, "x", "expected a decimal number such as '12.50', got 'x'"),
    (Decimal, True, "expected float or str, got True"),
    (bytes, "x", "expected base64, got 'x'"),
    (Annotated[dt.datetime, msgspec.Meta(tz=True)], "x", "expected a time such as '2026-01-31T1"),
    (Annotated[int, msgspec.Meta(ge=1)], 0, "expected at least 1, got 0"),
    (Annotated[int, msgspec.Meta(le=5)], 6, "expected at most 5, got 6"),
    (Annotated[float, msgspec.Meta(gt=0)], 0.0, "expected more than 0, got 0.0"),
    (Annotated[float, msgspec.Meta(lt=1)], 1.5, "expected less than 1, got 1.5"),
    (Annotated[int, msgspec.Meta(multiple_of=3)], 4, "expected a multiple of 3, got 4"),
    (Annotated[str, msgspec.Meta(max_length=2)], "abc", "expected at most 2 characters, got 'abc'"),
    (Annotated[str, msgspec.Meta(min_length=2)], "a", "expected at least 2 characters, got 'a'"),
    (Annotated[list[int], msgspec.Meta(min_length=1)], [], "expected at least 1 items, got []"),
    (Annotated[str, msgspec.Meta(pattern="^a+$")], "b", "expected text that matches '^a+$', got 'b'"),
    (tuple[int, str], [1], "expected at least 2 items, got [1]"),
    (str, ["a" * 200], "expected str, got ['aaaaaaaaaa"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "text"), SENTENCES, ids=[text for _, _, text in SENTENCES])
def test_what_does_not_fit_is_said_in_words(kind: Any, value: Any, text: str) -> None:
    info = published(arguments(kind).schema())
    with pytest.raises(InvalidPayload) as caught:
        Schemas().check(info, msgspec.json.encode({"p": value}))
    said = str(caught.value)
    assert said.startswith(f"type: parameter 'p' {text}")
    assert "\n" not in said and len(said) < 250


def test_a_type_without_a_schema_takes_anything() -> None:
    Schemas().check(TypeInfo(name="type"), b'{"a":1}')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"properties": {"p": {"pattern": "(?P<"}}},
        {"properties": 7},
    ],
    ids=str,
)
def test_a_schema_that_is_none_is_left_to_the_handler(schema: Any) -> None:
    Schemas().check(published(schema), b'{"p":"a"}')


def test_a_schema_is_compiled_once_and_anew_for_a_type_that_says_something_else() -> None:
    schemas = Schemas()
    schemas.check(published({"required": ["p"]}), b'{"p":1}')
    with pytest.raises(InvalidPayload, match="type: parameter 'q' is missing"):
        schemas.check(published({"required": ["q"]}), b'{"p":1}')


def test_parameters_that_are_named_like_keywords_are_parameters() -> None:
    schema = {
        "properties": {
            "uniqueItems": {"type": "integer"},
            "format": {"type": "array", "uniqueItems": True, "default": [{"type": "integer"}]},
        }
    }
    read = as_workers_read(schema)
    assert read["properties"] == {
        "uniqueItems": {"type": "integer", "whole": True},
        "format": {"type": "array", "default": [{"type": "integer"}]},
    }
