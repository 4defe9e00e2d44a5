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

    def hint(self) -> None:
        """There may be jobs: look now."""
        self._hinted.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
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
        try:
            async with asyncio.timeout(jittered(self._poll)):
                await self._hinted.wait()
        except TimeoutError:
            pass

    async def _take(self, room: int) -> int:
        self._claims += 1
        self._runs.reserve(self.name, room)
        try:
            claiming = asyncio.ensure_future(self._patience.call(lambda: self._claim(room)))
            try:
                claims = await asyncio.shield(claiming)
            except asyncio.CancelledError:
                await self._return(claiming)
                raise
            self._runs.begin(claims, lane=self.name, claimed_at=self._sent)
        finally:
            self._runs.unreserve(room)
        if claims:
            self._emit(JobsClaimed(self.name, len(claims), self._clock.elapsed() - self._sent))
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

    async def _return(self, claiming: "asyncio.Future[list[Claim]]") -> None:
        """A claim was under way when the lane was told to stop: what it brings goes back."""
        with anyio.move_on_after(self._lease / 3, shield=True):
            await asyncio.wait([claiming])
        if not claiming.done():
            claiming.cancel()  # the store is out; if the claim took effect, its lease will end
        elif not claiming.cancelled() and claiming.exception() is None:
            self._runs.give_back(claiming.result(), lane=self.name, reason="shutdown")
