import os
from pathlib import Path

import anyio
import pytest

from stoker.daemon.measuring.figures import Sizes, figures
from stoker.daemon.measuring.measures import Drain

SMALL = Sizes(enqueued=20, drained=300, slept=50, delayed=10)


@pytest.mark.slow
async def test_real_daemons_are_measured_and_nothing_is_left_of_them(tmp_path: Path) -> None:
    told: list[str] = []
    with anyio.fail_after(120):
        found = await figures(tmp_path, SMALL, tell=told.append)
    assert found.enqueue.singly > 0 and found.enqueue.in_bulk > 0
    assert 0 < found.delay.p50 <= found.delay.p95 <= found.delay.p99
    drains: list[Drain] = [found.noop, found.sleep, found.quiet]
    assert [(drain.jobs, drain.per_second > 0) for drain in drains] == [
        (300, True),
        (50, True),
        (300, True),
    ]
    if found.idle is not None:  # the kernel tells
        for drain in drains:
            assert drain.cpu["MainThread"] > 0 and drain.cpu["stoker-sqlite-writer"] > 0
            assert drain.after is not None and drain.after.rss > 10
    assert len(told) == 5
    assert os.listdir(tmp_path) == []
