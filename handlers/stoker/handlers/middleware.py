"""What wraps every run: an onion of functions, the outermost first."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from stoker.handlers.context import Context

Next = Callable[[], Awaitable[Any]]
"""Runs what is further inside, and gives its result."""

Middleware = Callable[[Context, Next], Awaitable[Any]]
"""`async def timed(ctx, call_next)`: what it returns is the result, what it raises the error."""


def wrap(core: Next, ctx: Context, middleware: Sequence[Middleware]) -> Next:
    """The core inside all of these."""
    for layer in reversed(middleware):
        core = partial(layer, ctx, core)
    return core
