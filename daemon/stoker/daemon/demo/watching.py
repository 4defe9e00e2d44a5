"""Shows how the demo goes on, and ends it if the daemon does not."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Never, TypeVar

from stoker.daemon.demo.mailbox import Mailbox
from stoker.daemon.demo.play import Play
from stoker.daemon.demo.table import Moment
from stoker.jobs.operating import Counts

SHOW_EVERY = 0.25
"""Seconds between two looks at the counts."""
RATE_OVER = 5
"""Looks over which the rate is taken."""

T = TypeVar("T")


async def show_moments(play: Play, mailbox: Mailbox, show: Callable[[Moment], None]) -> Never:
    """Look at the queues again and again, and show what is there."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    looks: deque[tuple[float, int]] = deque(maxlen=RATE_OVER)
    while True:
        counts = await play.counts()
        elapsed = loop.time() - start
        looks.append((elapsed, sum(_ended(one) for one in counts)))
        seconds = looks[-1][0] - looks[0][0]
        rate = (looks[-1][1] - looks[0][1]) / seconds if seconds else 0.0
        show(Moment(elapsed, counts, sum(mailbox.received.values()), rate))
        await asyncio.sleep(SHOW_EVERY)


def _ended(counts: Counts) -> int:
    return counts.completed + counts.failed + counts.cancelled + counts.skipped


async def beside(main: Coroutine[Any, Any, T], *others: Coroutine[Any, Any, Never]) -> T:
    """Run `main` to its end. If one of the others falls, so does it, with that error."""
    first = asyncio.ensure_future(main)
    tasks: list[asyncio.Future[Any]] = [first, *map(asyncio.ensure_future, others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return first.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
