import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.handlers import Context, handler, resource
from stoker.jobs.errors import InvalidPayload


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Address(msgspec.Struct, frozen=True):
    street: str
    number: int


class Order(msgspec.Struct):
    addresses: list[Address]


def open_nothing() -> Any:
    raise AssertionError("nobody opens it here")


@handler("reports.generate")
async def generate(
    ctx: Context,
    kind: str,
    month: date | None = None,
    order: Order | None = None,
    *,
    exact: bool = False,
    db: Any = resource(open_nothing),
) -> None: ...


def refusal(call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidPayload) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def test_bound_arguments_become_an_object_keyed_by_parameter() -> None:
    call = generate.bind("monthly", date(2026, 1, 31), exact=True)
    assert call.payload == b'{"kind":"monthly","month":"2026-01-31","exact":true}'
    assert call.arguments == {"kind": "monthly", "month": date(2026, 1, 31), "exact": True}
    assert call.type == "reports.generate"


def test_defaults_are_left_to_where_the_job_runs() -> None:
    assert generate.bind("a").payload == b'{"kind":"a"}'
    assert generate.arguments(b'{"kind":"a"}')["month"] is None


def test_a_payload_gives_values_of_the_annotated_types() -> None:
    read = generate.arguments(
        b'{"kind":"a","month":"2026-01-31","order":{"addresses":[{"street":"b","number":1}]}}'
    )
    assert read["month"] == date(2026, 1, 31)
    assert read["order"] == Order([Address("b", 1)])


def test_a_missing_parameter_is_named() -> None:
    text = "reports.generate: parameter 'kind' is missing"
    assert refusal(generate.bind) == text
    assert refusal(generate.arguments, b"{}") == text


def test_an_unknown_parameter_is_named_with_the_one_that_was_perhaps_meant() -> None:
    text = "reports.generate: there is no parameter 'mont': perhaps 'month'"
    assert refusal(generate.bind, "a", mont=1) == text
    assert refusal(generate.arguments, b'{"kind":"a","mont":1}') == text


def test_an_unknown_parameter_far_from_all_shows_those_there_are() -> None:
    text = refusal(generate.bind, "a", zzz=1)
    assert text.endswith("there is no parameter 'zzz': it takes kind, month, order, exact")


def test_too_many_positional_arguments_are_refused() -> None:
    assert "4 positional arguments" in refusal(generate.bind, "a", None, None, True)


def test_one_parameter_twice_is_refused() -> None:
    assert refusal(generate.bind, "a", kind="b") == "reports.generate: parameter 'kind' was given twice"


def test_a_resource_is_no_argument() -> None:
    assert "'db' is a resource" in refusal(generate.bind, "a", db=1)
    assert "no parameter 'db'" in refusal(generate.arguments, b'{"kind":"a","db":1}')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-13", "parameter 'month' expected date or null, got '2026-13'"),
        (datetime(2026, 1, 1), "parameter 'month' expected date or null, got datetime.datetime("),
        (5, "parameter 'month' expected date or null, got 5"),
    ],
)
def test_a_value_that_is_not_what_the_annotation_says_is_refused(value: Any, text: str) -> None:
    assert text in refusal(generate.bind, "a", value)


def test_a_text_that_is_no_date_is_refused_with_an_example() -> None:
    text = refusal(generate.arguments, b'{"kind":"a","month":"2026-13"}')
    assert text == (
        "reports.generate: parameter 'month' expected a date such as '2026-01-31', got '2026-13'"
    )


def test_a_wrong_value_deep_inside_is_named_with_its_place() -> None:
    order: Any = {"addresses": [{"street": "b", "number": 1}, {"street": "b", "number": "x"}]}
    text = "parameter 'order' (at 'addresses[1].number') expected int, got 'x'"
    assert text in refusal(generate.bind, "a", order=order)
    assert text in refusal(generate.arguments, msgspec.json.encode({"kind": "a", "order": order}))


def test_a_struct_that_was_built_with_a_wrong_field_is_refused() -> None:
    wrong = Order([Address("b", "x")])  # type: ignore[arg-type]
    assert "(at 'addresses[0].number') expected int, got 'x'" in refusal(
        generate.bind, "a", order=wrong
    )


def test_a_field_that_lacks_inside_a_struct_is_named() -> None:
    text = refusal(generate.arguments, b'{"kind":"a","order":{"addresses":[{"street":"b"}]}}')
    assert text.endswith("parameter 'order' (at 'addresses[0]') lacks field 'number'")


@pytest.mark.parametrize(
    ("value", "why"), [("a\0b", "a NUL character"), ("\ud800", "a lone surrogate")]
)
def test_text_that_no_store_keeps_is_refused(value: str, why: str) -> None:
    text = refusal(generate.bind, value)
    assert text.startswith("reports.generate: parameter 'kind' cannot be sent")
    assert why in text


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    @handler("a")
    def measure(number: float, more: Any = None) -> None: ...

    assert "parameter 'number'" in refusal(measure.bind, value)
    assert "parameter 'more'" in refusal(measure.bind, 1.0, {"deep": [value]})


def test_what_cannot_be_encoded_names_its_parameter() -> None:
    @handler("a")
    def anything(first: Any, second: Any) -> None: ...

    assert "parameter 'second' cannot be sent" in refusal(anything.bind, 1, object())


def test_a_circle_is_refused() -> None:
    @handler("a")
    def anything(first: Any) -> None: ...

    circle: list[Any] = []
    circle.append(circle)
    assert "parameter 'first' cannot be sent" in refusal(anything.bind, circle)


@pytest.mark.parametrize("payload", [b"[1]", b'"a"', b"null", b"3"])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert "is an object keyed by parameter" in refusal(generate.arguments, payload)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b'{"kind": nan}', b"[" * 100_000])
def test_a_payload_that_is_no_json_is_refused(payload: bytes) -> None:
    assert "reports.generate: the payload is" in refusal(generate.arguments, payload)


ROUND_TRIPS: list[tuple[Any, Any]] = [
    (int, 5),
    (float, 5),
    (str, "ü"),
    (bool, True),
    (None, None),
    (bytes, b"\x00\xff"),
    (date, date(2026, 1, 31)),
    (datetime, datetime(2026, 1, 31, 12, tzinfo=UTC)),
    (timedelta, timedelta(minutes=5)),
    (UUID, UUID(int=5)),
    (Decimal, Decimal("12.50")),
    (Colour, Colour.RED),
    (Size, Size.SMALL),
    (Literal["a", "b"], "a"),
    (Address, Address("b", 1)),
    (list[Address], [Address("b", 1)]),
    (dict[str, list[int]], {"a": [1]}),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
    (int | str | None, "a"),
    (Annotated[int, msgspec.Meta(ge=1)], 1),
    (Any, {"a": [None]}),
]


@pytest.mark.parametrize(("kind", "value"), ROUND_TRIPS)
def test_every_kind_of_value_comes_back_as_it_was(kind: Any, value: Any) -> None:
    def take(value: Any) -> None: ...

    take.__annotations__["value"] = kind
    taker = handler("a")(take)
    assert taker.arguments(taker.bind(value).payload) == {"value": value}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, "5"),
        (int, True),
        (int, 5.0),
        (str, 5),
        (str, date(2026, 1, 31)),
        (bool, 1),
        (date, "2026-01-31"),
        (datetime, "2026-01-31T12:00:00Z"),
        (UUID, str(UUID(int=5))),
        (Decimal, "12.50"),
        (Decimal, 12.5),
        (bytes, "aGk="),
        (Literal["a", "b"], "c"),
        (Annotated[int, msgspec.Meta(ge=1)], 0),
        (list[int], [1, "2"]),
        (None, 0),
    ],
)
def test_binding_makes_nothing_of_a_value_of_another_type(kind: Any, value: Any) -> None:
    def take(value: Any) -> None: ...

    take.__annotations__["value"] = kind
    assert "parameter 'value'" in refusal(handler("a")(take).bind, value)


def test_a_parameter_without_annotation_takes_anything() -> None:
    @handler("a")
    def loose(value):  # type: ignore[no-untyped-def]
        return value

    assert loose.arguments(loose.bind([1, "a"]).payload) == {"value": [1, "a"]}


def test_a_default_of_any_kind_is_given_as_it_is() -> None:
    marker = object()
    colours = [Colour.RED]

    @handler("a")
    def take(
        some: Any = marker,
        colour: list[Colour] = colours,
        inf: float = math.inf,
    ) -> None: ...

    assert take.arguments(b"{}") == {"some": marker, "colour": colours, "inf": math.inf}


def test_the_schema_describes_the_payload_and_needs_no_other_document() -> None:
    schema = generate.type_info().schema
    assert schema is not None
    assert schema["type"] == "object"
    assert schema["required"] == ["kind"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["kind"] == {"type": "string"}
    assert schema["properties"]["exact"] == {"type": "boolean", "default": False}
    assert set(schema["$defs"]) == {"Order", "Address"}
    assert "db" not in schema["properties"]
    assert '"$ref":"#/$defs/Order"' in msgspec.json.encode(schema).decode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    number=st.integers(-(2**63), 2**64 - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    day=st.dates(),
    moment=st.datetimes(timezones=st.just(UTC)),
    identity=st.uuids(),
    amount=st.decimals(allow_nan=False, allow_infinity=False),
    many=st.lists(st.integers(0, 9)),
    address=st.none() | st.builds(Address, st.just("b"), st.integers(0, 9)),
)
def test_whatever_binds_comes_back_as_it_was(**values: Any) -> None:
    @handler("a")
    def take(
        text: str,
        number: int,
        real: float,
        day: date,
        moment: datetime,
        identity: UUID,
        amount: Decimal,
        many: list[int],
        address: Address | None,
    ) -> None: ...

    assert take.arguments(take.bind(**values).payload) == values


@given(payload=st.dictionaries(st.sampled_from(["kind", "month", "order", "other"]), JSON))
def test_whatever_the_payload_it_is_read_or_refused_in_a_sentence(payload: dict[str, Any]) -> None:
    try:
        generate.arguments(msgspec.json.encode(payload))
    except InvalidPayload as error:
        assert str(error).startswith("reports.generate: ")
        assert "\n" not in str(error)
