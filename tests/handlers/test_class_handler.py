from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stoker.handlers import Context, Handler, resource, step
from stoker.handlers.collecting import as_handler
from stoker.jobs.errors import HandlerError, InvalidPayload
from stoker.jobs.outcome import Done


@contextmanager
def open_number() -> Iterator[int]:
    yield 5


class Cleanup(Handler, name="maintenance.cleanup", queue="maintenance"):
    """Clean up."""

    async def execute(self, ctx: Context, days: int, *, number: int = resource(open_number)) -> int:
        return days * number


class InThread(Handler, name="in.thread"):
    runs = 0

    def __init__(self) -> None:
        self.mine = 0

    def execute(self, days: int = 1) -> int:
        self.mine += days
        return self.mine


async def test_execute_gets_context_arguments_and_resources(run: Any) -> None:
    assert await run(Cleanup, b'{"days":3}') == Done(b"15")


async def test_each_run_gets_an_instance_of_its_own(run: Any) -> None:
    assert await run(InThread) == Done(b"1")
    assert await run(InThread) == Done(b"1")


def test_bind_takes_the_arguments_of_execute() -> None:
    call = Cleanup.bind(3)
    assert (call.type, call.payload, call.returns) == ("maintenance.cleanup", b'{"days":3}', int)
    assert call.defaults.queue == "maintenance"
    assert call.defaults.description == "Clean up."


def test_bind_refuses_what_does_not_fit() -> None:
    with pytest.raises(InvalidPayload, match="parameter 'days' expected int, got '3'"):
        Cleanup.bind("3")  # type: ignore[arg-type]


def test_a_class_without_a_name_is_a_base_and_no_handler() -> None:
    class Base(Handler):
        def execute(self) -> int:
            return 1

    class Real(Base, name="real"): ...

    assert as_handler(Base) is None
    assert as_handler(Handler) is None
    assert as_handler(Real) is not None
    assert Real.bind().type == "real"
    with pytest.raises(HandlerError, match="Base has no name"):
        Base.bind()


def test_a_class_that_inherits_from_a_handler_is_not_that_handler() -> None:
    class Special(Cleanup): ...

    assert as_handler(Special) is None


def test_options_without_a_name_are_refused() -> None:
    with pytest.raises(HandlerError, match="options without a name"):

        class Wrong(Handler, queue="a"): ...


def test_a_class_with_neither_execute_nor_steps_is_refused() -> None:
    with pytest.raises(HandlerError, match="needs either a method 'execute' or methods marked @step"):

        class Wrong(Handler, name="a"): ...


def test_a_class_with_both_is_refused() -> None:
    with pytest.raises(HandlerError, match="needs either"):

        class Wrong(Handler, name="a"):
            def execute(self) -> None: ...

            @step
            def one(self) -> None: ...


def test_a_class_that_cannot_be_made_without_arguments_is_refused() -> None:
    with pytest.raises(HandlerError, match="is made without arguments, but requires url"):

        class Wrong(Handler, name="a"):
            def __init__(self, url: str) -> None: ...

            def execute(self) -> None: ...


def test_an_execute_that_is_no_plain_method_is_refused() -> None:
    with pytest.raises(HandlerError, match="not a staticmethod"):

        class Wrong(Handler, name="a"):
            @staticmethod
            def execute() -> None: ...


def test_it_says_where_it_is_written() -> None:
    found = as_handler(Cleanup)
    assert found is not None
    assert found.place.startswith(f"{__name__}.Cleanup")
