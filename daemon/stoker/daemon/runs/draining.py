"""Waiting for runs to end, within a grace that somebody in a hurry cuts short."""

import asyncio
from collections.abc import Callable, Sequence

import anyio

LOOK = 0.5
"""Seconds between looks at what is left, while it does not end."""


async def until_over(
    left: Callable[[], Sequence[asyncio.Task[None]]],
    *,
    grace: float,
    hurried: asyncio.Event,
    hurried_grace: float,
) -> None:
    """Until `left` answers none, or for `grace` seconds, or `hurried_grace` after `hurried` was set."""
    with anyio.move_on_after(grace):
        async with anyio.create_task_group() as group:

            async def cut_short() -> None:
                await hurried.wait()
                await anyio.sleep(hurried_grace)
                group.cancel_scope.cancel()

            group.start_soon(cut_short)
            while tasks := left():
                await asyncio.wait(tasks, timeout=LOOK)
            group.cancel_scope.cancel()
