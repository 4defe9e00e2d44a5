"""The settler writes outcomes, in batches: whatever has gathered while the last one was written."""

import asyncio
from collections.abc import Sequence

import anyio
import msgspec
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.runs import Letter, Outbox, Runs
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, LeaseLost, Settled
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.state import State

LARGEST_BATCH = 200
UNSTORED = "what the run left could not be stored"


class Settler:
    """Reads the outbox; a letter leaves it only when the broker has answered for it."""

    name = "settler"

    def __init__(
        self,
        *,
        broker: Work,
        outbox: Outbox,
        runs: Runs,
        emit: Emit,
        clock: Clock,
        flush_grace: float,
    ) -> None:
        self._broker = broker
        self._outbox = outbox
        self._runs = runs
        self._emit = emit
        self._clock = clock
        self._flush_grace = flush_grace
        """Seconds that the last outcomes may take at a stop; they are claimed anew after that."""
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        try:
            while True:
                await self._outbox.peek(1)
                # A turn of the loop: what ends in it goes along, and so may, in the store, the claim
                # for the slots that have become free.
                await asyncio.sleep(0)
                await self._write(await self._outbox.peek(LARGEST_BATCH))
        except asyncio.CancelledError:
            # What a stop cut off stands in the outbox still; the broker answers "already" for it.
            with anyio.move_on_after(self._flush_grace, shield=True):
                while self._outbox:
                    await self._write(await self._outbox.peek(LARGEST_BATCH))
            raise

    async def _write(self, letters: Sequence[Letter]) -> None:
        sent = self._clock.elapsed()
        verdicts = await self._settle([settlement for _, settlement in letters])
        self._outbox.drop(len(letters))
        self._runs.settled(record for record, _ in letters)
        for (record, _), verdict in zip(letters, verdicts, strict=True):
            if verdict == "lost":
                self._emit(LeaseLost(record.claim.id, record.claim.type, "settle"))
        count = verdicts.count
        seconds = self._clock.elapsed() - sent
        self._emit(
            Settled(count("accepted"), count("already"), count("lost"), count("invalid"), seconds)
        )

    async def _settle(self, settlements: Sequence[Settlement]) -> list[Verdict]:
        """The store's verdicts; what it cannot hold is tried again without what came with it."""
        verdicts = await self._patience.call(lambda: self._broker.settle(settlements))
        if "invalid" not in verdicts:
            return verdicts
        pairs = list(zip(settlements, verdicts, strict=True))
        bare = [_bare(settlement) for settlement, verdict in pairs if verdict == "invalid"]
        again = iter(await self._patience.call(lambda: self._broker.settle(bare)))
        return [next(again) if verdict == "invalid" else verdict for verdict in verdicts]


def _bare(settlement: Settlement) -> Settlement:
    """The decision alone: what came with it is what the store could not hold."""
    run = settlement.run
    if run is not None:
        run = msgspec.structs.replace(run, error=run.error and UNSTORED, traceback=None)
    return msgspec.structs.replace(
        settlement,
        result=None,
        run=run,
        error=settlement.error and UNSTORED,
        reason=UNSTORED if settlement.state is State.COMPLETED else settlement.reason,
        progress=None,
        progress_message=None,
        logs=(),
        dropped_logs=settlement.dropped_logs + len(settlement.logs),
    )
