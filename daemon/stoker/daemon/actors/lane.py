"""A lane claims jobs of its queues, as many as there is room for, and begins their runs."""

import asyncio
import secrets
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, JobsClaimed
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet

LOWEST_EVERY = 10
"""Every so many claims ask for the lowest priority first, so that nothing starves."""
GATE_CHECK = 0.25
"""Seconds between looks at a closed gate."""


class Lane:
    """One set of queues within one daemon, with a bound of its own if it has one."""

    def __init__(
        self,
        name: str,
        queues: QueueSet,
        *,
        limit: int | None,
        broker: Work,
        runs: Runs,
        worker: str,
        lease: float,
        poll: float,
        gate: Callable[[], bool],
        emit: Emit,
        clock: Clock,
    ) -> None:
        self.name = f"lane:{name}"
        self.queues = queues
        self._limit = limit
        self._broker = broker
        self._runs = runs
        self._worker = worker
        self._lease = lease
        self._poll = poll
        self._gate = gate
        self._emit = emit
        self._clock = clock
        self._patience = Patience(self.name, emit=emit, clock=clock)
        self._hinted = asyncio.Event()
        self._freed = runs.freed(self.name)
        self._claims = 0
        self._sent = 0.0
        self._claiming = False
        self._stopping = False

    def hint(self) -> None:
        """There may be jobs: look now."""
        self._hinted.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        self._stopping = False
        # In a task of its own, which a stop does not cut off from what a claim under way brings.
        working = asyncio.get_running_loop().create_task(self._work())
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await self._stop(working)
            raise

    async def _work(self) -> None:
        while not self._stopping:
            self._freed.clear()
            room = self._room()
            if room <= 0:
                await self._freed.wait()
            elif not self._gate():
                await anyio.sleep(GATE_CHECK)
            else:
                self._hinted.clear()
                if await self._take(room) < room:
                    await self._until_hinted()

    def _room(self) -> int:
        room = self._runs.room()
        if self._limit is None:
            return room
        return min(room, self._limit - self._runs.active_by_lane.get(self.name, 0))

    async def _until_hinted(self) -> None:
        """The queues ran dry: nothing more comes of freed slots, only of a hint or the poll."""
        poll = asyncio.get_running_loop().call_later(jittered(self._poll), self._hinted.set)
        try:
            await self._hinted.wait()
        finally:
            poll.cancel()

    async def _take(self, room: int) -> int:
        self._claims += 1
        self._runs.reserve(self.name, room)
        self._claiming = True
        try:
            claims = await self._patience.call(lambda: self._claim(room))
            if self._stopping:
                self._runs.give_back(claims, lane=self.name, reason="shutdown")
                return room
            self._runs.begin(claims, lane=self.name, claimed_at=self._sent)
        finally:
            self._claiming = False
            self._runs.unreserve(room)
        if claims:
            seconds = self._clock.elapsed() - self._sent
            await asyncio.sleep(0)  # they begin before this is told, or more is asked for
            self._emit(JobsClaimed(self.name, len(claims), seconds))
        return len(claims)

    async def _claim(self, room: int) -> list[Claim]:
        self._sent = self._clock.elapsed()
        return await self._broker.claim(
            self.queues,
            room,
            worker=self._worker,
            token=secrets.token_hex(16),
            lease=self._lease,
            lowest_first=self._claims % LOWEST_EVERY == 0,
        )

    async def _stop(self, working: "asyncio.Task[None]") -> None:
        """What a claim under way brings goes back."""
        self._stopping = True
        if self._claiming:
            await asyncio.wait((working,), timeout=self._lease / 3)
        # Else the store is out; if the claim took effect, its lease will end.
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
