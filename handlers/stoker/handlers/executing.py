"""Running a handler on a payload: the hot path, from bytes to an ending."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stoker.handlers.context import Context
from stoker.handlers.endings import ending_of
from stoker.handlers.middleware import Middleware, wrap
from stoker.handlers.protocol import AnyHandler
from stoker.handlers.resources import Resources
from stoker.jobs.codec import encode_result
from stoker.jobs.outcome import Done, Ending

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a call in a thread and gives its result."""

_NONE: Mapping[str, Any] = MappingProxyType({})


async def execute(
    handler: AnyHandler,
    ctx: Context,
    payload: bytes,
    *,
    resources: Resources,
    middleware: Sequence[Middleware],
    in_thread: InThread,
    max_result: int,
) -> Ending:
    """Run the handler on this payload, inside this middleware and its own; say how it ended.

    Never raises an Exception; cancellation and other BaseExceptions pass through. `max_result` is
    in bytes: a larger result completes the job with a note in its place.
    """
    try:
        arguments = handler.arguments(payload)
        opened = await resources.open(handler) if handler.resources else _NONE
        own = handler.options.middleware
        if middleware or own:

            async def core() -> Any:
                if handler.is_async:
                    return await handler.call(ctx, arguments, opened)
                return await _threaded(handler, ctx, arguments, opened, in_thread)

            result = await wrap(core, ctx, (*middleware, *own))()
        elif handler.is_async:
            result = await handler.call(ctx, arguments, opened)
        else:
            result = await _threaded(handler, ctx, arguments, opened, in_thread)
    except Exception as error:
        return ending_of(error, handler.options.retry, ctx.job.attempts)
    data, note = encode_result(result, limit=max_result)
    return Done(data, note)


async def _threaded(
    handler: AnyHandler,
    ctx: Context,
    arguments: dict[str, Any],
    opened: Mapping[str, Any],
    in_thread: InThread,
) -> Any:
    def call() -> tuple[Any, Exception | None]:
        # As a value, not raised: no future can carry StopIteration; its waiter would never wake.
        try:
            return handler.call(ctx, arguments, opened), None
        except Exception as error:
            return None, error

    result, error = await in_thread(call)
    if error is not None:
        raise error
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(f"{handler.name} is 'def' but returned a coroutine: make it 'async def'")
    return result
