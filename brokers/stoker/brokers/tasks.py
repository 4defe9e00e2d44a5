"""Ending tasks that run a driver's code."""

import asyncio
from collections.abc import Collection

CANCEL_AGAIN = 0.5
"""Seconds after which a task that did not end is cancelled once more: a wait that is over at the very
moment swallows a cancellation (`asyncio.wait_for` before Python 3.12, which drivers use)."""


async def ended(tasks: Collection["asyncio.Task[None]"]) -> None:
    """Wait for tasks that have been cancelled until all of them have ended."""
    while left := [task for task in tasks if not task.done()]:
        await asyncio.wait(left, timeout=CANCEL_AGAIN)
        for task in left:
            task.cancel()
