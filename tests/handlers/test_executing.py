import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
import pytest

from stoker.handlers import Context, Fail, Retry, handler, resource
from stoker.handlers.middleware import Next
from stoker.handlers.resources import Resources
from stoker.handlers.testing import FakeContext
from stoker.jobs.outcome import Done, Raised


class Report(msgspec.Struct):
    path: str


@contextmanager
def open_number() -> Iterator[int]:
    yield 5


@contextmanager
def open_broken() -> Iterator[int]:
    raise ConnectionError("no database")
    yield 5


@handler("a")
async def add(ctx: Context, number: int, more: int = 1, *, base: int = resource(open_number)) -> Report:
    ctx.log("adding")
    return Report(f"{number + more + base}")


@handler("b")
def in_thread(ctx: Context, number: int, *, base: int = resource(open_number)) -> list[int]:
    return [number + base, threading.get_ident()]


@handler("c")
async def failing() -> None:
    raise ValueError("no")


async def test_an_async_handler_gets_all_it_takes_and_its_result_is_encoded(
    run: Any, ctx: FakeContext
) -> None:
    assert await run(add, b'{"number":1}') == Done(b'{"path":"7"}')
    assert ctx.logs == ["adding"]


async def test_a_plain_function_runs_in_a_thread(run: Any) -> None:
    ending = await run(in_thread, b'{"number":1}')
    total, thread = msgspec.json.decode(ending.result)
    assert total == 6
    assert thread != threading.get_ident()


async def test_without_a_result_the_result_is_null(run: Any) -> None:
    @handler("a")
    async def nothing() -> None: ...

    assert await run(nothing) == Done(b"null")


async def test_a_result_that_is_too_large_leaves_a_note(run: Any) -> None:
    ending = await run(add, b'{"number":1}', max_result=5)
    assert ending.result is None
    assert "the result is not kept: it has 12 bytes" in ending.note


async def test_a_result_that_cannot_be_encoded_leaves_a_note(run: Any) -> None:
    @handler("a")
    async def odd() -> object:
        return object()

    ending = await run(odd)
    assert ending.result is None
    assert "the result is not kept" in ending.note


async def test_a_payload_that_does_not_fit_fails_for_good_and_the_handler_is_not_entered(
    run: Any, ctx: FakeContext
) -> None:
    ending = await run(add, b'{"number":"1"}')
    assert ending == Raised(
        "InvalidPayload: a: parameter 'number' expected int, got '1'", None, for_good=True
    )
    assert ctx.logs == []


async def test_a_resource_that_does_not_open_fails_the_attempt(run: Any) -> None:
    @handler("a")
    async def needy(*, db: int = resource(open_broken)) -> None: ...

    ending = await run(needy)
    assert ending.error == "ConnectionError: no database"
    assert not ending.for_good


async def test_what_it_raises_is_an_ending(run: Any) -> None:
    ending = await run(failing)
    assert ending.error == "ValueError: no"


async def test_the_traceback_begins_in_the_handler(run: Any) -> None:
    def broken() -> None:
        raise ValueError("no")

    for function in (failing, handler("d")(broken)):
        ending = await run(function)
        frames = [line for line in ending.traceback.splitlines() if line.strip().startswith("File")]
        assert len(frames) == 1
        assert "test_executing.py" in frames[0]


async def test_the_policy_of_the_handler_is_asked_with_the_number_of_the_run(run: Any) -> None:
    @handler("a", retry=Retry(delay=lambda attempt, error: attempt * 10))
    async def fails() -> None:
        raise ValueError("no")

    ending = await run(fails, context=FakeContext(attempts=3))
    assert ending.delay == 30.0


async def test_a_cancellation_passes_through(run: Any) -> None:
    entered = asyncio.Event()

    @handler("a")
    async def waits() -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(run(waits))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_exit_passes_through(run: Any) -> None:
    class Exit(BaseException): ...

    @handler("a")
    async def leaves() -> None:
        raise Exit

    with pytest.raises(Exit):
        await run(leaves)


async def test_stop_iteration_in_a_thread_does_not_hang(run: Any) -> None:
    @handler("a")
    def careless() -> object:
        return next(iter([]))

    ending = await run(careless)
    assert "StopIteration" in ending.error


async def test_a_plain_function_that_returns_a_coroutine_fails_in_words(run: Any) -> None:
    async def later() -> None: ...

    @handler("a")
    def forgetful() -> Any:
        return later()

    ending = await run(forgetful)
    assert ending.error == "TypeError: a is 'def' but returned a coroutine: make it 'async def'"


def layer(name: str, seen: list[str]) -> Any:
    async def middleware(ctx: Context, call_next: Next) -> Any:
        seen.append(f"{name} in")
        result = await call_next()
        seen.append(f"{name} out")
        return result

    return middleware


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_middleware_wraps_the_handler_the_configured_one_outside(run: Any, kind: str) -> None:
    seen: list[str] = []
    own = [layer("own", seen), layer("inner", seen)]

    if kind == "async":

        @handler("a", middleware=own)
        async def take(number: int) -> int:
            seen.append("handler")
            return number
    else:

        @handler("a", middleware=own)
        def take(number: int) -> int:
            seen.append("handler")
            return number

    ending = await run(take, b'{"number":5}', middleware=[layer("global", seen)])
    assert ending == Done(b"5")
    assert seen == [
        "global in",
        "own in",
        "inner in",
        "handler",
        "inner out",
        "own out",
        "global out",
    ]


async def test_middleware_may_change_the_result_or_end_the_run(run: Any) -> None:
    async def doubled(ctx: Context, call_next: Next) -> Any:
        return 2 * await call_next()

    async def refused(ctx: Context, call_next: Next) -> Any:
        raise Fail("not today")

    @handler("a")
    async def take() -> int:
        return 5

    assert await run(take, middleware=[doubled]) == Done(b"10")
    assert await run(take, middleware=[refused]) == Raised("not today", for_good=True)


async def test_middleware_sees_the_handlers_error_and_may_answer_it(run: Any) -> None:
    async def forgiving(ctx: Context, call_next: Next) -> Any:
        try:
            return await call_next()
        except ValueError as error:
            return f"forgave {error}"

    assert await run(failing, middleware=[forgiving]) == Done(b'"forgave no"')


async def test_what_middleware_sets_is_there_in_the_thread(run: Any) -> None:
    tenant: ContextVar[str] = ContextVar("tenant")

    async def tenanted(ctx: Context, call_next: Next) -> Any:
        tenant.set("acme")
        return await call_next()

    @handler("a", middleware=[tenanted])
    def take() -> str:
        return tenant.get()

    assert await run(take) == Done(b'"acme"')


async def test_the_machinery_costs_a_few_microseconds(run: Any) -> None:
    from stoker.handlers.executing import execute

    @handler("a")
    async def noop(ctx: Context, number: int) -> None: ...

    ctx, resources, runs = FakeContext(), Resources(), 5_000
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(runs):
            await execute(
                noop,
                ctx,
                b'{"number":1}',
                resources=resources,
                middleware=(),
                in_thread=asyncio.to_thread,
                max_result=1000,
            )
        best = min(best, (time.perf_counter() - start) / runs)
    # About 1.3 µs on a slow machine; the bound only catches a change of kind.
    assert best < 20e-6
