"""Beginning tasks at once, and ending those that run a driver's code."""

import asyncio
import types
from collections.abc import Collection, Coroutine, Generator
from typing import Any

CANCEL_AGAIN = 0.5
"""Seconds after which a task that did not end is cancelled once more: a wait that is over at the very
moment swallows a cancellation (`asyncio.wait_for` before Python 3.12, which drivers use)."""


async def ended(tasks: Collection["asyncio.Task[None]"]) -> None:
    """Wait for tasks that have been cancelled until all of them have ended."""
    while left := [task for task in tasks if not task.done()]:
        await asyncio.wait(left, timeout=CANCEL_AGAIN)
        for task in left:
            task.cancel()


def begun(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
    """A task for what is left of this work after its first step, which is taken here and now.

    None if nothing is left. The first step, up to where the work first waits, must not ask which task
    it is in, as timeouts do: it is the caller's. As with the eager tasks of Python 3.12, a turn of the
    loop is saved, which after a pause takes longer than most of what is done in one.
    """
    try:
        waited_for = work.send(None)
    except StopIteration:
        return None
    return asyncio.get_running_loop().create_task(_rest(work, waited_for))


async def _rest(work: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _steps(work, waited_for)


@types.coroutine
def _steps(work: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    while True:
        error: BaseException | None = None
        try:
            yield waited_for
        except BaseException as thrown:
            error = thrown
        try:
            waited_for = work.send(None) if error is None else work.throw(error)
        except StopIteration:
            return
