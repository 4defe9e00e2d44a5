import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from stoker.daemon.actors.stall import EXIT_STALLED, PULSE, Pulse, StallWatch
from stoker.handlers import handler
from stoker.jobs.events import LoopStalled


class Ends(list[str]):
    """What the process would have ended with."""

    def __init__(self) -> None:
        self.any = asyncio.Event()

    def end(self, text: str) -> None:
        self.append(text)
        self.any.set()


class AudiblePulse(Pulse):
    """Tells of its third beat."""

    def __init__(self) -> None:
        self.third = asyncio.Event()
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if (name, value) == ("beats", 3):
            self.third.set()


@pytest.fixture
def watching(events) -> Callable[..., tuple[AudiblePulse, StallWatch, Ends]]:
    def make(place: Any, limit: float = 30.0) -> tuple[AudiblePulse, StallWatch, Ends]:
        pulse, ends = AudiblePulse(), Ends()
        watch = StallWatch(pulse=pulse, runs=place.runs, limit=limit, emit=events.emit, end=ends.end)
        return pulse, watch, ends

    return make


def looks(watch: StallWatch, seconds: float) -> None:
    """As many looks as it takes in so many seconds, and the one that sees the last beat."""
    for _ in range(1 + round(seconds / PULSE)):
        watch.look()


def look_from_a_thread(watch: StallWatch, seconds: float) -> None:
    """Block the calling thread for as long as that takes."""
    thread = threading.Thread(target=looks, args=(watch, seconds))
    thread.start()
    thread.join()


async def test_a_loop_that_beats_is_not_stalled(workplace, watching, events) -> None:
    pulse, watch, ends = watching(workplace(), limit=1.0)
    pulse.loop = asyncio.get_running_loop()
    for _ in range(100):
        watch.look()
        pulse.beats += 1
    assert (events, ends) == ([], [])


async def test_the_pulse_beats_by_itself(workplace, watching, at_work) -> None:
    pulse, _, _ = watching(workplace())
    async with at_work(pulse):
        assert pulse.beats == 1
        await pulse.third.wait()


async def test_the_job_that_blocks_the_loop_is_named_with_its_stack(
    workplace, watching, claim, at_work, events
) -> None:
    place = workplace()
    pulse, watch, ends = watching(place)

    @handler("blocking")
    async def blocking() -> None:
        def wait_for_nothing() -> None:
            look_from_a_thread(watch, 1.0)

        wait_for_nothing()

    place = place_with(place, blocking)
    job = claim("blocking")
    async with at_work(pulse):
        place.begin(job)
        await place.settlements()
    [stall] = events.of(LoopStalled)
    assert (stall.seconds, stall.id, stall.type) == (1.0, job.id, "blocking")
    assert "wait_for_nothing" in stall.stack
    assert ends == []


def place_with(place: Any, one: Any) -> Any:
    """The same workplace, knowing this handler as well."""
    place.runs._performer.handlers[one.name] = one
    return place


async def test_a_stall_at_the_limit_ends_the_process_and_says_who_did_it(
    workplace, watching, claim, at_work
) -> None:
    place = workplace()
    pulse, watch, ends = watching(place, limit=3.0)

    @handler("blocking")
    async def blocking() -> None:
        look_from_a_thread(watch, 2.75)
        assert ends == []
        look_from_a_thread(watch, 0.0)

    place_with(place, blocking)
    job = claim("blocking")
    async with at_work(pulse):
        place.begin(job)
        [settlement] = await place.settlements()
    assert settlement.error is None
    [text] = ends
    head, _, stack = text.partition("\n")
    assert head == (
        f"stoker: the event loop has stood still for 3 s, in job {job.id} (blocking): "
        "ending this process while its leases hold"
    )
    assert "look_from_a_thread" in stack


async def test_a_stall_outside_of_any_job_is_told_as_that(workplace, watching, at_work, events) -> None:
    pulse, watch, ends = watching(workplace(), limit=1.0)
    async with at_work(pulse):
        look_from_a_thread(watch, 1.0)
    [stall] = events.of(LoopStalled)
    assert (stall.id, stall.type) == (None, None)
    assert "stood still for 1 s, outside of any job: " in ends[0]


async def test_a_stall_is_told_ever_more_seldom(workplace, watching, at_work, events) -> None:
    pulse, watch, _ = watching(workplace())
    async with at_work(pulse):
        look_from_a_thread(watch, 20.0)
    assert [stall.seconds for stall in events.of(LoopStalled)] == [1.0, 2.0, 4.0, 8.0, 16.0]


async def test_a_short_stall_is_not_worth_telling(workplace, watching, at_work, events) -> None:
    pulse, watch, _ = watching(workplace())
    async with at_work(pulse):
        for _ in range(5):
            look_from_a_thread(watch, 0.5)
            pulse.beats += 1
    assert events == []


async def test_without_a_pulse_nobody_is_blamed(workplace, watching, at_work, events) -> None:
    pulse, watch, ends = watching(workplace(), limit=1.0)
    looks(watch, 100.0)  # before it has begun
    async with at_work(pulse):
        pass
    looks(watch, 100.0)  # after it was stopped
    assert (events, ends) == ([], [])


async def test_the_watch_looks_by_itself(workplace, watching, events) -> None:
    pulse, watch, ends = watching(workplace(), limit=0.5)
    pulse.loop, pulse.thread = asyncio.get_running_loop(), threading.get_ident()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run)
            await ends.any.wait()
            group.cancel_scope.cancel()


END = "from stoker.daemon.actors.stall import end_process; end_process('the loop stood still')"


def test_the_process_ends_with_all_stacks_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", END], capture_output=True, text=True, timeout=30)
    assert done.returncode == EXIT_STALLED
    assert done.stderr.startswith("the loop stood still\n")
    assert 'File "<string>", line 1 in <module>' in done.stderr


def test_the_process_ends_also_where_nobody_reads_its_standard_error() -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"x" * 65536)
        except BlockingIOError:
            os.set_blocking(writing, True)
        done = subprocess.run([sys.executable, "-c", END], stderr=writing, timeout=30)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == EXIT_STALLED


def test_the_process_ends_also_without_a_standard_error() -> None:
    code = f"import sys; sys.stderr = None; {END}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert done.returncode == EXIT_STALLED
