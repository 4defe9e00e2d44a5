"""What can be a handler, and what is refused when it is decorated."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from stoker.handlers import Context, handler, resource
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import HandlerError

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers


def refusal(function: Any, **options: Any) -> str:
    with pytest.raises(HandlerError) as caught:
        handler("a.b", **options)(function)
    text = str(caught.value)
    assert text.startswith("a.b: ")
    assert "\n" not in text
    return text


def open_nothing() -> Any:
    raise AssertionError("nobody opens it here")


def test_a_context_is_told_from_arguments_by_its_annotation() -> None:
    @handler("a")
    def take(anything: Context, ctx: str) -> None: ...

    assert take.arguments(b'{"ctx":"a"}') == {"ctx": "a"}


def test_a_first_parameter_named_ctx_without_annotation_is_the_context() -> None:
    @handler("a")
    def take(ctx, number: int):  # type: ignore[no-untyped-def]
        return number

    assert take.arguments(b'{"number":1}') == {"number": 1}


def test_a_context_of_a_class_of_ones_own_is_one() -> None:
    @handler("a")
    def take(context: FakeContext, number: int) -> None: ...

    assert take.arguments(b'{"number":1}') == {"number": 1}


def test_a_positional_only_context_is_allowed() -> None:
    @handler("a")
    def take(ctx: Context, /, number: int) -> None: ...

    assert take.arguments(b'{"number":1}') == {"number": 1}


def test_annotations_that_are_text_are_read_with_the_names_around_the_handler() -> None:
    number: TypeAlias = int

    @handler("a")
    def take(ctx: "Context", value: "number", more: "list[number] | None" = None) -> "str":
        return ""

    assert take.bind(1, [2]).returns is str


def test_a_name_that_is_not_known_is_refused() -> None:
    def take(value: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert "parameter 'value' is annotated 'Missing'" in refusal(take)


def test_a_name_that_only_type_checkers_know_is_refused() -> None:
    def take(value: "OnlyForCheckers") -> None: ...

    assert "not under TYPE_CHECKING" in refusal(take)


def test_an_unknown_name_in_the_result_is_refused() -> None:
    def take() -> "Missing": ...  # type: ignore[name-defined]  # noqa: F821

    assert "the result is annotated 'Missing'" in refusal(take)


def test_an_unknown_name_on_a_resource_does_no_harm() -> None:
    @handler("a")
    def take(*, db: "Missing" = resource(open_nothing)) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert set(take.resources) == {"db"}


def test_a_context_known_to_checkers_only_is_still_the_context() -> None:
    def take(ctx: "elsewhere.Context", number: int) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert handler("a")(take).arguments(b'{"number":1}') == {"number": 1}


def test_an_annotation_that_cannot_be_read_is_refused() -> None:
    def take(value: "int[") -> None: ...  # type: ignore  # noqa: F722

    assert "cannot be read" in refusal(take)


def test_a_generic_context_is_refused() -> None:
    def take(ctx: "Context[int]") -> None: ...  # type: ignore[type-arg]

    assert "cannot be read" in refusal(take)


def many(*values: int) -> None: ...
def named(**values: int) -> None: ...
def by_position(value: int, /) -> None: ...
def late(value: int, ctx: Context) -> None: ...
def by_name(*, ctx: Context) -> None: ...
def maybe(ctx: Context | None = None) -> None: ...
def defaulted(ctx: Context = None) -> None: ...  # type: ignore[assignment]
def positional_resource(db: Any = resource(open_nothing)) -> None: ...
def two_dicts(value: dict[str, int] | FakeContext) -> None: ...
def odd(value: type[int]) -> None: ...
def callback(value: int, done: Callable[[], None]) -> None: ...


class Holder:
    def method(self, value: int) -> None: ...


async def stream() -> AsyncIterator[int]:
    yield 1


def generate() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (many, "'*values' cannot be a job argument"),
        (named, "'**values' cannot be a job argument"),
        (by_position, "'value' is positional-only"),
        (late, "'ctx', the Context, must be the first parameter"),
        (by_name, "'ctx', the Context, is the first parameter, positional"),
        (maybe, "'ctx', the Context, must be the first parameter, annotated 'Context' and nothing"),
        (defaulted, "'ctx', the Context, is the first parameter, positional and without a default"),
        (positional_resource, "the resource 'db' must be keyword-only"),
        (two_dicts, "'value', the Context, must be"),
        (odd, "parameter 'value' has a type that JSON cannot carry"),
        (callback, "parameter 'done' has a type that JSON cannot carry"),
        (Holder.method, "not a method: for a class, derive it from Handler"),
        (stream, "cannot be a generator"),
        (generate, "cannot be a generator"),
        (staticmethod(many), "not a staticmethod"),
        (partial(many, 1), "a handler is a function, not partial"),
        (int, "a handler is a function, not type"),
        (3, "a handler is a function, not int"),
    ],
)
def test_what_cannot_be_a_handler_is_refused_in_a_sentence(function: Any, text: str) -> None:
    assert text in refusal(function)


def test_a_function_in_a_wrapper_is_read_through_it() -> None:
    def loud(function: Any) -> Any:
        @wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return wrapper

    @handler("a")
    @loud
    async def take(ctx: Context, number: int) -> str:
        return str(number)

    assert take.is_async
    assert take.arguments(b'{"number":1}') == {"number": 1}


def test_async_def_runs_on_the_loop_and_def_in_a_thread() -> None:
    @handler("a")
    async def loop() -> None: ...

    @handler("b")
    def thread() -> None: ...

    assert loop.is_async
    assert not thread.is_async
