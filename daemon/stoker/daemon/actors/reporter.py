"""The reporter stores progress and log lines of runs that go on; the newest progress wins."""

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.record import Record
from stoker.daemon.runs.runs import Runs
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, LeaseLost, StoreLost


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
        self._clock = clock

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await anyio.sleep(self._interval)
            with anyio.CancelScope(shield=True):  # a report in flight holds its run's settlement back
                await self.tick()

    async def tick(self) -> None:
        """Store all news there are now."""
        talking = [r for r in self._runs.records.values() if r.active and r.has_news]
        for first in range(0, len(talking), self._batch_size):
            await self._store([r for r in talking[first : first + self._batch_size] if r.active])

    async def _store(self, records: list[Record]) -> None:
        news = [record.take_news() for record in records]
        for record in records:
            record.reporting = True
        try:
            stale = await self._broker.report(news)
        except BrokerUnavailable as error:
            for record, report in zip(records, news, strict=True):
                record.put_back(report)
            self._emit(StoreLost(self.name, str(error), self._interval))
        else:
            for record in records:
                if record.claim.id in stale:
                    self._emit(LeaseLost(record.claim.id, record.claim.type, "report"))
                    self._runs.interrupt(record, "lost", "reclaimed by another worker")
        finally:
            for record in records:
                record.reporting = False
                if record.after_report is not None:
                    record.after_report()
                    record.after_report = None
