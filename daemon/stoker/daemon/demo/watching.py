"""Shows how the demo goes on, and ends it if the daemon does not."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Never

from stoker.daemon.demo.mailbox import Mailbox
from stoker.daemon.demo.play import Play
from stoker.daemon.demo.table import Moment
from stoker.jobs.operating import Counts

SHOW_EVERY = 0.25
"""Seconds between two looks at the counts."""
RATE_OVER = 5
"""Looks over which the rate is taken."""


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
