"""The worker processes of a daemon with `processes: N`: started, watched, replaced, ended."""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from anyio.abc import TaskGroup, TaskStatus

from stoker.daemon.children.child import Child, spawn
from stoker.daemon.children.frames import Alive, FromChild, Hurry, NotReady, Setup
from stoker.daemon.identity import worker_name
from stoker.daemon.settings import Settings
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.events import Emit, ProcessEnded

Reclaim = Callable[[str], Awaitable[object]]
"""Gives back what the worker of this name holds. May raise BrokerUnavailable; is called again then."""

RUN_WORKER = "stoker.daemon.running:run_worker"
START_LIMIT = 60.0
"""Seconds that a process may be silent before its event loop has begun to turn."""
STEADY = 60.0
"""Seconds of life after which a death is no longer counted with those before it."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LATE = 2.0
"""Seconds until it is looked once more for what a dead process holds: a claim that it had sent may be
carried out by a server after its death."""
LAST_RECLAIM = 5.0
"""Seconds that a stopping daemon takes to give back the jobs of a worker that it had to kill."""


def wait_after_deaths(deaths: int) -> float:
    """Seconds until a process is replaced, by how many in a row died young; the first one at once."""
    if deaths <= 1:
        return 0.0
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(deaths - 2, 10)) * (0.75 + random.random() / 4)


class WorkerProcesses:
    """An actor. Never gives up: a process that dies again and again is tried every 30 s.

    A process that is silent for lease - margin, whose interpreter is blocked, is killed: so it cannot
    work on when its leases have expired. Whatever way one ends, its jobs are given back at once.
    """

    name = "workers"

    def __init__(
        self,
        *,
        settings: Settings,
        relative_to: Path,
        emit: Emit,
        reclaim: Reclaim,
        entry: str = RUN_WORKER,
        clock: Clock | None = None,
        beat: float = 1.0,
        patience: Callable[[int], float] = wait_after_deaths,
        late: float = LATE,
    ) -> None:
        """`entry`: the `RunWorker` that each runs; `beat`: seconds between their signs of life."""
        self._settings = settings
        self._relative_to = relative_to
        self._emit = emit
        self._reclaim = reclaim
        self._entry = entry
        self._clock = clock or SystemClock()
        self._beat = beat
        self._patience = patience
        self._late = late
        self._silence = settings.lease - settings.margin
        self._grace = settings.shutdown_grace + settings.cancel_grace + settings.margin
        self._broker = Patience(self.name, emit=emit, clock=self._clock)
        self._children: set[Child] = set()

    @property
    def pids(self) -> list[int]:
        """Of all that are not reaped yet."""
        return sorted(child.pid for child in self._children)

    def hurry(self) -> None:
        """Tell those that drain to do so faster."""
        for child in self._children:
            child.send(Hurry())

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep so many processes until cancelled; then end them all in order, and wait for that."""
        async with anyio.create_task_group() as group:
            for _ in range(self._settings.processes):
                group.start_soon(self._keep, group)
            task_status.started()

    async def _keep(self, group: TaskGroup) -> None:
        deaths = 0
        while True:
            born = self._clock.elapsed()
            try:
                child = await spawn("worker")
            except OSError as error:
                self._emit(ProcessEnded("worker", 0, None, False, f"not started: {error}"))
            else:
                name = worker_name(self._settings, child.pid)
                await self._accompany(child, name)
                group.start_soon(self._give_all_back, name)
            deaths = 1 if self._clock.elapsed() - born >= STEADY else deaths + 1
            await anyio.sleep(self._patience(deaths))

    async def _accompany(self, child: Child, name: str) -> None:
        """Until it has ended; when cancelled, make it end."""
        self._children.add(child)
        expected = False
        try:
            child.send(self._setup(name))
            await self._watch(child)
        except BaseException:
            expected = True
            with anyio.CancelScope(shield=True):
                await child.end_within(self._grace)
            if child.code != 0:
                with anyio.move_on_after(LAST_RECLAIM, shield=True):
                    await self._give_back(name)
            raise
        finally:
            self._children.discard(child)
            self._emit(ProcessEnded("worker", child.pid, child.code, expected, child.describe_end()))

    async def _watch(self, child: Child) -> None:
        """Counts its own looks instead of reading a clock: a time when this process itself stood
        still, suspended with the host or stopped, is nobody's silence."""
        looks, limit = 0, START_LIMIT

        def hear(frame: FromChild) -> None:
            nonlocal looks, limit
            match frame:
                case Alive(turns):
                    looks = 0
                    limit = self._silence if turns else START_LIMIT
                case NotReady(error):
                    child.last_words = error
                case _:
                    pass

        child.hear = hear
        while not child.ended.done():
            await asyncio.wait([child.ended], timeout=self._beat)
            looks += 1
            if looks * self._beat >= limit and not child.told_to_end:
                child.last_words = f"killed: it was silent for {looks * self._beat:g} s"
                child.kill()

    async def _give_all_back(self, name: str) -> None:
        await self._give_back(name)
        await anyio.sleep(self._late)
        await self._give_back(name)

    async def _give_back(self, name: str) -> None:
        await self._broker.call(lambda: self._reclaim(name))

    def _setup(self, name: str) -> Setup:
        return Setup(
            self._settings,
            name,
            str(self._relative_to),
            tuple(sys.path),
            entry=self._entry,
            beat=self._beat,
        )
