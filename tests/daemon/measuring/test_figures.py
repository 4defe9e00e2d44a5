from pathlib import Path

import anyio
import pytest

from stoker.daemon.measuring.figures import Sizes, figures
from stoker.daemon.measuring.measures import SERVER, Drain
from stoker.daemon.measuring.stores import Files, given

SMALL = Sizes(enqueued=20, drained=300, slept=50, delayed=10)


@pytest.mark.slow
async def test_real_daemons_are_measured_on_files(tmp_path: Path) -> None:
    told: list[str] = []
    with anyio.fail_after(120):
        found = await figures(Files(tmp_path), SMALL, tell=told.append)
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
            assert SERVER not in drain.cpu
            assert drain.after is not None and drain.after.rss > 10
    assert len(told) == 5


@pytest.mark.slow
async def test_real_daemons_are_measured_on_a_server(postgres_url: str) -> None:
    with anyio.fail_after(120):
        async with given(postgres_url) as stores:
            found = await figures(stores, SMALL, tell=lambda what: None)
    assert found.enqueue.in_bulk > 0 and found.delay.p50 > 0
    assert (found.noop.jobs, found.quiet.jobs) == (300, 300)
    assert found.noop.per_second > 0
