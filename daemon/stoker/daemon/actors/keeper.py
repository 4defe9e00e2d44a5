"""The keeper renews all claims of a process in one call, delivers cancels, and fences.

Between a claim and its end, the keeper alone decides whether the process may still believe in it. It
measures by its own clock, from the moment that the last successful claim or renewal was *sent*: the
store's lease began later than that, so it ends later as well. `margin` before that end it tells the
run to stop (self-fencing), so that the run has ended when somebody else may claim the job.
"""

import asyncio
from collections.abc import Callable, Sequence

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Work
from stoker.daemon.runs.record import Interruption, Record
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import backoff
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import CancelDelivered, Emit, LeaseLost, StoreBack, StoreLost
from stoker.jobs.job import Held, Renewal

Deliver = Callable[[Callable[[], None]], None]
"""Runs something on the event loop of the runs: at once, or from another thread soon."""


def at_once(call: Callable[[], None]) -> None:
    """The `Deliver` of a keeper that lives on the same event loop as the runs."""
    call()


class Keeper:
    """Speaks to its own broker, and to the runs through `deliver` only; see `KeeperThread`."""

    name = "keeper"

    def __init__(
        self,
        *,
        broker: Work,
        runs: Runs,
        lease: float,
        renew_every: float,
        margin: float,
        deliver: Deliver,
        emit: Emit,
        clock: Clock,
    ) -> None:
        self.renewing = True
        """The last renewal worked; lanes claim only while this is so."""
        self._broker = broker
        self._runs = runs
        self._lease = lease
        self._every = renew_every
        self._margin = margin
        self._deliver = deliver
        self._emit = emit
        self._clock = clock
        self._nudged = asyncio.Event()
        self._failures = 0
        self._failing_since: float | None = None

    def renew_now(self) -> None:
        """Somebody may wish to cancel one of our runs. On the keeper's own loop only."""
        self._nudged.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self._until_due()
            await self.tick()

    async def _until_due(self) -> None:
        wait = backoff(self._failures) if self._failures else self._every
        with anyio.move_on_after(min(wait, self._until_fence())):
            await self._nudged.wait()
        self._nudged.clear()

    def _until_fence(self) -> float:
        now = self._clock.elapsed()
        fences = [r.safe_until - now for r in self._records() if r.active and not r.interruption]
        return max(0.05, min(fences, default=self._every))

    async def tick(self) -> None:
        """One renewal of everything held, and the fence for what could not be renewed."""
        records = self._records()
        sent = self._clock.elapsed()
        try:
            # A store that hangs is a store that is out; the fence must not wait for it.
            with anyio.fail_after(max(self._margin, 0.05)):
                held = [Held(record.claim.id, record.claim.token) for record in records]
                renewal = await self._broker.renew(held, self._lease)
        except (BrokerUnavailable, TimeoutError) as error:
            self._missed(str(error) or "the broker did not answer in time")
        else:
            self._renewed(records, renewal, sent)
        self._fence()

    def _records(self) -> list[Record]:
        return list(self._runs.records.values())

    def _missed(self, error: str) -> None:
        self.renewing = False
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = self._clock.elapsed()
        self._emit(StoreLost(self.name, error, backoff(self._failures)))

    def _renewed(self, records: Sequence[Record], renewal: Renewal, sent: float) -> None:
        if self._failing_since is not None:
            self._emit(StoreBack(self.name, self._clock.elapsed() - self._failing_since))
            self._failing_since = None
        self._failures = 0
        self.renewing = True
        for record in records:
            id = record.claim.id
            if id in renewal.lost:
                # A settlement that was accepted meanwhile has cleared the token as well.
                if record.active:
                    self._emit(LeaseLost(id, record.claim.type, "renew"))
                    self._interrupt(record, "lost", "reclaimed by another worker")
                continue
            record.safe_until = sent + self._lease - self._margin
            if id in renewal.cancelled and record.active and record.interruption is None:
                self._emit(CancelDelivered(id, renewal.cancelled[id]))
                self._interrupt(record, "cancel", renewal.cancelled[id])

    def _fence(self) -> None:
        now = self._clock.elapsed()
        for record in self._records():
            overdue = now >= record.safe_until and record.active and record.interruption is None
            if overdue and record.self_fence:
                self._emit(LeaseLost(record.claim.id, record.claim.type, "self_fence"))
                self._interrupt(record, "fenced", "its lease could not be renewed in time")

    def _interrupt(self, record: Record, kind: Interruption, reason: str | None) -> None:
        self._deliver(lambda: self._runs.interrupt(record, kind, reason))
