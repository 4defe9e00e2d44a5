"""The reporter stores progress and log lines of runs that go on; the newest progress wins."""

from collections.abc import Sequence

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.record import Record
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, LeaseLost


class Reporter:
    """Every `interval` seconds, in batches. What a run has not reported, its settlement carries."""

    name = "reporter"

    def __init__(
        self,
        *,
        broker: Work,
        runs: Runs,
        interval: float,
        batch_size: int,
        emit: Emit,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._runs = runs
        self._interval = interval
        self._batch_size = batch_size
        self._emit = emit
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await anyio.sleep(self._interval)
            with anyio.CancelScope(shield=True):  # a report in flight holds its run's settlement back
                await self.tick()

    async def tick(self) -> None:
        """Store all news there are now."""
        talking = [record for record in self._runs.records.values() if _talks(record)]
        for first in range(0, len(talking), self._batch_size):
            batch = [record for record in talking[first : first + self._batch_size] if _talks(record)]
            await self._store(batch)

    async def _store(self, records: Sequence[Record]) -> None:
        news = [record.take_news() for record in records]
        for record in records:
            record.reporting = True
        stored = False
        try:
            stale = await self._broker.report(news)
            stored = True
        except BrokerUnavailable as error:
            self._patience.failed(error, self._interval)
        else:
            self._patience.answered()
            for record in records:
                if record.claim.id in stale and not record.settled_in:
                    self._emit(LeaseLost(record.claim.id, record.claim.type, "report"))
                    self._runs.interrupt(record, "lost", "reclaimed by another worker")
        finally:
            for record, report in zip(records, news, strict=True):
                if not stored:
                    record.put_back(report)
                record.reporting = False
                after, record.after_report = record.after_report, None
                if after is not None:
                    after()


def _talks(record: Record) -> bool:
    # What a run has said before `complete_in` stands in that transaction.
    return record.active and record.has_news and not record.settled_in
