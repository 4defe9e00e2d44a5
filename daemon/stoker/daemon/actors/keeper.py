"""The keeper renews all claims of a process in one call, delivers cancels, and fences.

Between a claim and its end, the keeper alone decides whether the process may still believe in it. It
measures by its own clock, from the moment that the last successful claim or renewal was *sent*: the
store's lease began later than that, so it ends later as well. `margin` before that end it tells the
run to stop (self-fencing), so that the run has ended when somebody else may claim the job.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import anyio
from anyio.abc import TaskStatus

from stoker.daemon.runs.record import Interruption, Record
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import CancelDelivered, Emit, LeaseLost
from stoker.jobs.job import Held, Renewal

Deliver = Callable[[Callable[[], None]], None]
"""Runs something on the event loop of the runs: at once, or from another thread soon."""

SHORTEST = 0.05
"""Seconds between renewals, and for each of them, however near a fence is."""


class Renewing(Protocol):
    """All that the keeper asks of a broker."""

    async def renew(self, held: Sequence[Held], lease: float) -> Renewal: ...


def at_once(call: Callable[[], None]) -> None:
    """The `Deliver` of a keeper that lives on the same event loop as the runs."""
    call()


class Keeper:
    """Speaks to its own broker, and to the runs through `deliver` only; see `KeeperThread`.

    It emits where it lives: in its thread, if it has one.
    """

    name = "keeper"

    def __init__(
        self,
        *,
        broker: Renewing,
        runs: Runs,
        lease: float,
        renew_every: float,
        margin: float,
        deliver: Deliver,
        emit: Emit,
        clock: Clock,
        store: str = "the broker",
    ) -> None:
        """`store` is what it is called where it does not answer."""
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
        self._store = store
        self._nudged = asyncio.Event()
        self._patience = Patience(self.name, emit=emit, clock=clock)

    def renew_now(self) -> None:
        """Somebody may wish to cancel one of our runs. On the keeper's own loop only."""
        self._nudged.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self.tick()  # at once: one that was restarted does not know how old the leases are
            await self._until_due()

    async def _until_due(self) -> None:
        wait = self._every if self._patience.wait is None else self._patience.wait
        with anyio.move_on_after(max(SHORTEST, min(wait, self._until_fence()))):
            await self._nudged.wait()
        self._nudged.clear()

    def _until_fence(self) -> float:
        """Seconds until the first run is to be fenced; less than 0 if that is overdue."""
        now = self._clock.elapsed()
        fences = [record.safe_until - now for record in self._records() if _to_be_fenced(record)]
        return min(fences, default=self._lease)

    def _limit(self) -> float:
        """Seconds that a renewal may take: a store that hangs is out, and no fence waits for it.

        Only where this thread itself was held up beyond a fence, the store is given one more chance.
        """
        chance = self._margin / 3 if self.renewing else SHORTEST
        return max(SHORTEST, chance, min(self._margin, self._until_fence()))

    async def tick(self) -> None:
        """One renewal of everything held, and the fence for what could not be renewed."""
        records = self._records()
        sent = self._clock.elapsed()
        limit = self._limit()
        try:
            with anyio.fail_after(limit):
                held = [Held(record.claim.id, record.claim.token) for record in records]
                renewal = await self._broker.renew(held, self._lease)
        except (BrokerUnavailable, TimeoutError) as error:
            self.renewing = False
            self._patience.failed(str(error) or f"{self._store} did not answer within {limit:.2g} s")
        else:
            self.renewing = True
            self._patience.answered()
            self._renewed(records, renewal, sent)
        self._fence()

    def _records(self) -> list[Record]:
        # From another thread than the one that adds and removes: one step of the interpreter.
        return list(self._runs.records.values())

    def _renewed(self, records: Sequence[Record], renewal: Renewal, sent: float) -> None:
        for record in records:
            id = record.claim.id
            if id in renewal.lost:
                # A settlement that was accepted meanwhile has cleared the token as well.
                if record.active and not record.settled_in and not _is_lost(record):
                    self._emit(LeaseLost(id, record.claim.type, "renew"))
                    self._tell(record, "lost", "reclaimed by another worker")
                continue
            record.safe_until = sent + self._lease - self._margin
            if id in renewal.cancelled and record.active and not _is_told(record):
                self._emit(CancelDelivered(id, renewal.cancelled[id]))
                self._tell(record, "cancel", renewal.cancelled[id])

    def _fence(self) -> None:
        now = self._clock.elapsed()
        for record in self._records():
            if _to_be_fenced(record) and now >= record.safe_until:
                self._emit(LeaseLost(record.claim.id, record.claim.type, "self_fence"))
                self._tell(record, "fenced", "its lease could not be renewed in time")

    def _tell(self, record: Record, kind: Interruption, reason: str | None) -> None:
        record.told = kind
        self._deliver(lambda: self._runs.interrupt(record, kind, reason))


def _to_be_fenced(record: Record) -> bool:
    return record.self_fence and record.active and not _is_told(record)


def _is_told(record: Record) -> bool:
    """Whether it has been told to end, by whomever; the word may be on its way still."""
    return record.interruption is not None or record.told is not None


def _is_lost(record: Record) -> bool:
    return "lost" in (record.interruption, record.told)
