"""What the demo does while its daemon works: enqueue, cancel, wait for the end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from stoker.client import Client
from stoker.daemon.demo import mix
from stoker.daemon.demo.evidence import Enqueued
from stoker.daemon.demo.mix import Planned
from stoker.jobs.job import Job
from stoker.jobs.operating import Counts

BATCH = 250
LOOK_EVERY = 0.1
"""Seconds between two looks at what has happened."""
TRICKLE_EVERY = 0.5
"""Seconds between two jobs of a demo that goes on."""
WHY = "shown in the demo"


class Play:
    """The jobs of one demo, from enqueueing to their end."""

    def __init__(self, client: Client, marks: Path) -> None:
        self.client = client
        self.enqueued: list[Enqueued] = []
        self._marks = marks

    async def run(self, jobs: int) -> None:
        """Enqueue the mix, cancel what is to be cancelled, and wait until everything has ended."""
        await self.put(mix.mix(jobs))
        await self._cancel_waiting()
        await self._cancel_running()
        notified = [one.id for one in self.enqueued if one.planned.group == mix.NOTIFIED]
        await self._ended(notified)
        await self.put([mix.last_drain()])
        await self._all_ended()

    async def put(self, planned: Sequence[Planned]) -> None:
        """Enqueue these, some hundred at a time."""
        for start in range(0, len(planned), BATCH):
            part = planned[start : start + BATCH]
            handles = await self.client.enqueue_many([one.call for one in part])
            self.enqueued += [
                Enqueued(one, handle.id, handle.created)
                for one, handle in zip(part, handles, strict=True)
            ]

    async def jobs(self) -> dict[str, Job]:
        """Every job of the demo, as it stands."""
        found: dict[str, Job] = {}
        for id in dict.fromkeys(one.id for one in self.enqueued):
            found[id] = await self.client.status(id)
        return found

    async def counts(self) -> tuple[Counts, ...]:
        """How many jobs each queue has."""
        return tuple(queue.counts for queue in await self.client.queues())

    async def trickle(self) -> None:
        """Enqueue a job now and then, until cancelled."""
        number = 0
        while True:
            await self.client.enqueue(mix.trickle(number))
            number += 1
            await asyncio.sleep(TRICKLE_EVERY)

    async def _cancel_waiting(self) -> None:
        for one in self.enqueued:
            if one.planned.group == mix.NEVER_RUN:
                await self.client.cancel(one.id, reason=WHY)

    async def _cancel_running(self) -> None:
        waiting = {one.id for one in self.enqueued if one.planned.group == mix.STOPPED}
        while waiting:
            started = {id for id in waiting if (self._marks / f"{id}.started").exists()}
            for id in started:
                await self.client.cancel(id, reason=WHY)
            waiting -= started
            await asyncio.sleep(LOOK_EVERY)

    async def _ended(self, ids: Sequence[str]) -> None:
        for id in ids:
            while True:
                if (await self.client.status(id)).state.final:
                    break
                await asyncio.sleep(LOOK_EVERY)

    async def _all_ended(self) -> None:
        while True:
            counts = await self.counts()
            if not any(one.pending + one.running + one.retrying for one in counts):
                return
            await asyncio.sleep(LOOK_EVERY)
