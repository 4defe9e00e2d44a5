import asyncio
import threading
from collections.abc import Iterator

import pytest

from stoker.client.reach import Errand


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Work:
    """Goes on until it is cancelled."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


def test_an_interrupt_between_starting_and_waiting_cancels_the_work(
    loop: asyncio.AbstractEventLoop,
) -> None:
    work = Work()
    with pytest.raises(KeyboardInterrupt), Errand(work, loop) as errand:
        errand.start()
        assert work.started.wait(10)
        raise KeyboardInterrupt
    assert work.cancelled.wait(10)


def test_work_that_is_given_up_before_its_first_step_never_makes_it(
    loop: asyncio.AbstractEventLoop,
) -> None:
    work, behind = Work(), threading.Event()
    held = threading.Event()
    loop.call_soon_threadsafe(held.wait, 10)
    with pytest.raises(KeyboardInterrupt), Errand(work, loop) as errand:
        errand.start()
        raise KeyboardInterrupt
    loop.call_soon_threadsafe(loop.call_soon, behind.set)
    held.set()
    assert behind.wait(10)
    assert not work.started.is_set()
