"""The announcer keeps this process' row among the workers, and its types in the catalogue."""

import asyncio
from collections.abc import Callable, Sequence

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Crew
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit
from stoker.jobs.operating import TypeInfo, Worker

LEAVING = 1.0
"""Seconds that taking its row away may take; a row that stays is seen to be old."""


class Announcer:
    """Publishes first, then announces every `every` seconds; its row goes when it is stopped."""

    name = "announcer"

    def __init__(
        self,
        *,
        broker: Crew,
        worker: Callable[[], Worker],
        types: Sequence[TypeInfo],
        every: float,
        emit: Emit,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._types = tuple(types)
        self._every = every
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()  # nobody waits for it: a store that is out must not hold the start
        try:
            await self._patience.call(lambda: self._broker.publish(self._types))
            while True:
                await self._patience.call(lambda: self._broker.announce(self._worker()))
                await anyio.sleep(jittered(self._every))
        except asyncio.CancelledError:
            with anyio.move_on_after(LEAVING, shield=True):
                await self._patience.call(lambda: self._broker.depart(self._worker().name))
            raise
