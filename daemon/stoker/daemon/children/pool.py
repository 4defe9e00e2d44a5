"""The warm pool: children that run isolated jobs, one each at a time, and children for one job only."""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stoker.daemon.children.attending import KILL_AT, Attendant, NewsSink, Wish
from stoker.daemon.children.child import LAST_BREATH, Child, spawn
from stoker.daemon.children.frames import FromChild, NotReady, Ready, Setup
from stoker.daemon.settings import Settings
from stoker.jobs.errors import StokerError
from stoker.jobs.events import Emit, ProcessEnded
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Crashed, Ending, Released

T = TypeVar("T")

START_LIMIT = 60.0
"""Seconds that a child may take to import its handlers."""
TRIES = 3
"""Children that may be gone, one after the other, just when they are given a job."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


def wait_after_failed_starts(failures: int) -> float:
    """Seconds that a job waits before it is given back, by how many children in a row did not start."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 10))


class ChildSpec(msgspec.Struct, frozen=True):
    """What a child needs to become a place for handlers."""

    settings: Settings
    worker: str
    """The name of the worker that it belongs to."""
    relative_to: Path

    def setup(self) -> Setup:
        return Setup(self.settings, self.worker, str(self.relative_to), tuple(sys.path))


class ChildNotStarted(StokerError):
    """A child ended, or gave up, before it could take a job. No job is to blame."""


class ChildPool:
    """At most `size` children for isolated jobs, spawned when first needed and kept.

    With `size` 0 none is kept: isolated jobs run one at a time, each in a fresh child.
    """

    def __init__(
        self,
        *,
        size: int,
        spec: ChildSpec,
        emit: Emit,
        cancel_grace: float,
        patience: Callable[[int], float] = wait_after_failed_starts,
    ) -> None:
        self._size = size
        self._spec = spec
        self._emit = emit
        self._grace = cancel_grace
        self._patience = patience
        self._slots = asyncio.Semaphore(max(1, size))
        self._idle: list[Child] = []
        self._children: dict[Child, str] = {}
        """All that are not reaped yet, with their role."""
        self._failures = 0
        self._numbers = itertools.count(1)
        self._closing = asyncio.Event()

    @property
    def pids(self) -> list[int]:
        """Of all children that are not reaped yet."""
        return [child.pid for child in self._children]

    async def run(
        self, claim: Claim, *, timeout: float | None, sink: NewsSink, cancelled: Wish
    ) -> Ending:
        """Run the job in a child of the pool; when this returns, the run is over.

        `timeout` is in seconds and counts from when a child is there to begin. The ending is what
        the run says of itself; Raised(timed_out=True) after the timeout; Stopped, with
        `cancelled.honoured`, if it ended by that wish; Crashed(solo=True) if its child died by itself;
        Released if no child could be had.
        """
        if not await _unless(cancelled.made, self._slots.acquire()):
            return cancelled.honour()
        try:
            return await self._run_in(self._warm_child, claim, timeout, sink, cancelled)
        finally:
            self._slots.release()

    async def run_solo(
        self, claim: Claim, *, timeout: float | None, sink: NewsSink, cancelled: Wish
    ) -> Ending:
        """The same in a fresh child that runs nothing else, beside the pool."""
        return await self._run_in(self._fresh_child, claim, timeout, sink, cancelled)

    async def close(self) -> None:
        """End all children: the idle ones in order, with their resources; the others are killed."""
        self._closing.set()
        async with asyncio.TaskGroup() as group:
            for child in list(self._children):
                if child not in self._idle:
                    child.kill()
                group.create_task(child.end_within(self._grace * KILL_AT))
        self._idle.clear()

    async def _run_in(
        self,
        get: Callable[[], Awaitable[Child]],
        claim: Claim,
        timeout: float | None,
        sink: NewsSink,
        wish: Wish,
    ) -> Ending:
        for _ in range(TRIES):
            try:
                child = await _unless(wish.made, get())
            except ChildNotStarted as failure:
                return await self._not_started(failure, wish)
            if child is None:
                return wish.honour()
            attendant = Attendant(child, claim, next(self._numbers), sink=sink, grace=self._grace)
            ending = await attendant.attend(timeout, wish)
            await self._put_back(child)
            if self._closing.is_set() and isinstance(ending, Crashed):
                return Released("shutdown")  # we have killed it
            if ending is not None:
                return ending
        gone = ChildNotStarted(f"{TRIES} child processes ended before they began with it")
        return await self._not_started(gone, wish)

    async def _not_started(self, failure: ChildNotStarted, wish: Wish) -> Ending:
        """Hold the job for a while: given back at once, it would be back at once."""
        self._failures += 1
        waiting = asyncio.ensure_future(self._closing.wait())
        await _first(waiting, wish.made, timeout=self._patience(self._failures))
        waiting.cancel()
        return wish.honour() if wish.made.done() else Released(str(failure), started=False)

    async def _warm_child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.usable:
                return child
        return await self._start("isolated")

    async def _fresh_child(self) -> Child:
        return await self._start("solo")

    async def _put_back(self, child: Child) -> None:
        if not child.usable:
            child.kill()
            await asyncio.shield(child.ended)
        elif self._children[child] == "solo" or self._size == 0 or self._closing.is_set():
            await child.end_within(self._grace * KILL_AT)
        else:
            self._idle.append(child)

    async def _start(self, role: str) -> Child:
        if self._closing.is_set():
            raise ChildNotStarted("its process stops")
        try:
            child = await spawn("isolated")
        except OSError as error:
            raise ChildNotStarted(f"no child process could be had: {error}") from error
        self._children[child] = role
        child.ended.add_done_callback(lambda _: self._reaped(child))
        try:
            await self._until_ready(child)
        except ChildNotStarted:
            await self._see_off(child)
            raise
        except BaseException:
            child.kill()
            await asyncio.shield(child.ended)
            raise
        self._failures = 0
        return child

    async def _until_ready(self, child: Child) -> None:
        heard: asyncio.Future[FromChild] = asyncio.get_running_loop().create_future()
        child.hear = lambda frame: None if heard.done() else heard.set_result(frame)
        child.send(self._spec.setup())
        await _first(heard, child.ended, timeout=START_LIMIT)
        match heard.result() if heard.done() else None:
            case Ready():
                child.hear = lambda frame: None
            case NotReady(error):
                child.last_words = error
                raise ChildNotStarted(f"its child process could not begin: {error}")
            case _ if child.ended.done():
                end = child.describe_end()
                raise ChildNotStarted(f"its child process ended with {end} before it was ready")
            case _:
                raise ChildNotStarted(f"its child process was not ready after {START_LIMIT:g} s")

    async def _see_off(self, child: Child) -> None:
        """It gave up by itself; it is killed only if it does not end by itself as well."""
        await asyncio.wait([child.ended], timeout=LAST_BREATH)
        if not child.ended.done():
            child.kill()
            await asyncio.shield(child.ended)

    def _reaped(self, child: Child) -> None:
        role = self._children.pop(child)
        if child in self._idle:
            self._idle.remove(child)
        self._emit(ProcessEnded(role, child.pid, child.code, child.told_to_end, child.describe_end()))


async def _unless(made: "asyncio.Future[None]", awaited: Awaitable[T]) -> T | None:
    """What is awaited gives; None if the wish was made sooner."""
    if made.done():
        if asyncio.iscoroutine(awaited):
            awaited.close()
        return None
    task = asyncio.ensure_future(awaited)
    try:
        await _first(task, made)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    return None if task.cancelled() else task.result()


async def _first(*awaited: "asyncio.Future[Any]", timeout: float | None = None) -> None:
    await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
