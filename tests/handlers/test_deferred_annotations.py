"""The same with annotations that the module keeps as text."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from stoker.handlers import Handler, handler

if TYPE_CHECKING:
    from stoker.handlers import Context


class Address(msgspec.Struct):
    street: str


@handler("a")
async def take(ctx: Context, address: Address, day: date | None = None) -> list[Address]:
    return [address]


class Take(Handler, name="b"):
    async def execute(self, ctx: Context, address: Address) -> Address:
        return address


def test_a_function_is_read_with_the_names_of_its_module() -> None:
    call = take.bind(Address("b"), date(2026, 1, 31))
    assert take.arguments(call.payload) == {"address": Address("b"), "day": date(2026, 1, 31)}
    assert call.returns == list[Address]


def test_a_class_is_read_with_the_names_of_its_module() -> None:
    assert Take.bind(Address("b")).returns is Address


def test_names_of_the_function_around_it_are_known_too() -> None:
    class Local(msgspec.Struct):
        number: int

    @handler("c")
    def local(value: Local) -> Local:
        return value

    class Steps(Handler, name="d"):
        def execute(self, value: Local) -> Local:
            return value

    assert local.arguments(b'{"value":{"number":1}}') == {"value": Local(1)}
    assert Steps.bind(Local(1)).returns is Local
