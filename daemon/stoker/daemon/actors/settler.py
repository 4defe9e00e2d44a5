"""The settler writes outcomes, in batches: whatever has gathered while the last one was written."""

import anyio
import msgspec
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.record import Record
from stoker.daemon.runs.runs import Outbox, Runs
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, LeaseLost, Settled
from stoker.jobs.job import Settlement

LARGEST_BATCH = 200


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
                await self._write(await self._outbox.peek(LARGEST_BATCH))
        finally:
            # What a stop cut off stands in the outbox still; the broker answers "already" for it.
            with anyio.CancelScope(shield=True), anyio.move_on_after(self._flush_grace):
                while self._outbox:
                    await self._write(await self._outbox.peek(LARGEST_BATCH))

    async def _write(self, letters: list[tuple[Record, Settlement]]) -> None:
        sent = self._clock.elapsed()
        settlements = [settlement for _, settlement in letters]
        verdicts = await self._patience.call(lambda: self._broker.settle(settlements))
        if "invalid" in verdicts:
            bare = [
                _bare(settlement)
                for settlement, verdict in zip(settlements, verdicts, strict=True)
                if verdict == "invalid"
            ]
            again = iter(await self._patience.call(lambda: self._broker.settle(bare)))
            verdicts = [next(again) if verdict == "invalid" else verdict for verdict in verdicts]
        self._outbox.drop(len(letters))
        for (record, _), verdict in zip(letters, verdicts, strict=True):
            if verdict == "lost":
                self._emit(LeaseLost(record.claim.id, record.claim.type, "settle"))
            self._runs.settled(record)
        count = verdicts.count
        self._emit(
            Settled(
                count("accepted"),
                count("already"),
                count("lost"),
                count("invalid"),
                self._clock.elapsed() - sent,
            )
        )


def _bare(settlement: Settlement) -> Settlement:
    """The decision alone: what came with it is what the store could not hold."""
    return msgspec.structs.replace(
        settlement,
        result=None,
        run=None,
        error=None if settlement.error is None else "the error could not be stored",
        reason=settlement.reason or "what the run left could not be stored",
        progress_message=None,
        logs=(),
        dropped_logs=settlement.dropped_logs + len(settlement.logs),
    )
