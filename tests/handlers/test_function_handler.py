from contextlib import contextmanager
from typing import Any

import pytest

from stoker.handlers import Context, Retry, Unique, handler, resource
from stoker.handlers.function_handler import FunctionHandler
from stoker.handlers.protocol import AnyHandler
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import HandlerError


@contextmanager
def open_number() -> Any:
    yield 5


@handler(
    "reports.generate",
    queue="reports",
    priority=7,
    timeout="10m",
    retry=Retry(max_attempts=3),
    unique=Unique(by=["kind"], scope="1h"),
    tags=["nightly"],
    expires="1d",
    version="2",
)
async def generate(ctx: Context, kind: str, *, number: int = resource(open_number)) -> str:
    """Write a report.

    And more about it.
    """
    return f"{kind} {number}"


async def test_the_decorated_function_can_be_called_as_it_is(ctx: FakeContext) -> None:
    assert await generate(ctx, "a", number=1) == "a 1"


async def test_a_direct_call_without_a_resource_says_which_one(ctx: FakeContext) -> None:
    with pytest.raises(TypeError, match=r"reports\.generate is called directly.*'number'"):
        await generate(ctx, "a")


def test_it_keeps_the_name_and_the_docstring_of_its_function() -> None:
    assert generate.__name__ == "generate"
    assert generate.__doc__ is not None
    assert generate.__doc__.startswith("Write a report.")
    assert generate.__module__ == __name__


def test_its_catalogue_entry_holds_what_producers_need() -> None:
    info = generate.type_info()
    assert (info.name, info.queue, info.priority, info.version) == (
        "reports.generate",
        "reports",
        7,
        "2",
    )
    assert (info.max_attempts, info.timeout, info.expires) == (3, 600.0, 86400.0)
    assert info.tags == ("nightly",)
    assert info.unique == {"by": ["kind"], "scope": 3600.0, "on_conflict": "existing"}
    assert info.description == "Write a report."


def test_a_call_carries_the_entry_and_the_type_of_the_result() -> None:
    call = generate.bind("a")
    assert call.defaults == generate.type_info()
    assert call.returns is str


def test_it_says_where_it_is_written() -> None:
    assert generate.place.startswith(f"{__name__}.generate (")
    assert "test_function_handler.py:" in generate.place


def test_it_is_what_the_daemon_asks_for() -> None:
    found: AnyHandler = generate
    assert found.name == "reports.generate"
    assert set(found.resources) == {"number"}
    assert found.resources["number"] is open_number


def test_the_decorator_without_a_name_is_refused() -> None:
    def take() -> None: ...

    with pytest.raises(HandlerError, match="needs the job type's name"):
        handler(take)  # type: ignore[arg-type]


def test_nothing_is_registered_by_decorating() -> None:
    @handler("reports.generate")
    def other() -> None: ...

    assert isinstance(other, FunctionHandler)
    assert generate.options.queue == "reports"
