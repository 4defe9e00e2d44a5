"""The sweeper takes back jobs whose worker died, and decides what each crash means."""

import random
import secrets

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Broker
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, SweepHeld, Swept
from stoker.jobs.job import Claim, Run
from stoker.jobs.outcome import Crashed, decide
from stoker.jobs.retry import DEFAULT_RETRY

LARGEST_ROUND = 100


class Sweeper:
    """Reclaims under a token of its own, decides `Crashed`, and settles: like any other ending.

    An outage of the store must not be taken for the death of everybody who could not renew meanwhile:
    after a call of its own failed or took long, and after the store itself was started, nothing is
    reclaimed for a full lease. So each round first asks for nothing, and looks how that is answered.
    """

    name = "sweeper"

    def __init__(self, *, broker: Broker, lease: float, every: float, emit: Emit, clock: Clock) -> None:
        self._broker = broker
        self._lease = lease
        self._every = every
        self._emit = emit
        self._clock = clock
        self._patience = Patience(self.name, emit=emit, clock=clock)
        self._slow = lease / 5
        """Seconds that an answer may take. Before that, others may have been without one for a third of
        a lease, and may have renewed a third of a lease earlier still."""
        self._looked_at: float | None = None
        self._failed_at: float | None = None
        self._held_until, self._why = 0.0, ""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self.tick()
            await anyio.sleep(jittered(self._every))

    async def tick(self) -> int:
        """One round; says how many jobs were taken back."""
        asked = self._clock.elapsed()
        uptime = await self._patience.call(self._answer)
        now = self._clock.elapsed()
        if self._looked_at is not None and now - self._looked_at > self._every + self._lease:
            # Suspended with its host, perhaps with all the workers on it: they wake up just now.
            self._held_until, self._why = now + self._lease, "this process stood still"
        elif self._patience.failed_at != self._failed_at or now - asked > self._slow:
            self._held_until, self._why = now + self._lease, "the store was out"
        self._looked_at, self._failed_at = now, self._patience.failed_at
        if uptime < self._lease:
            return self._hold(self._lease - uptime, "the store has just been started")
        if now < self._held_until:
            return self._hold(self._held_until - now, self._why)
        return await self._reclaim(None)

    async def _answer(self) -> float:
        """The store's uptime, and a sign that it can be written to."""
        await self._ask(0, None)
        return await self._broker.uptime()

    async def bury(self, worker: str) -> int:
        """Take back at once all that this worker holds: whoever calls has seen it die."""
        return await self._reclaim(worker)

    def _hold(self, seconds: float, why: str) -> int:
        self._emit(SweepHeld(seconds, why))
        return 0

    async def _reclaim(self, worker: str | None) -> int:
        swept = 0
        while True:
            claims = await self._take(worker)
            if claims and await self._settle(claims):
                self._emit(Swept(len(claims), tuple(claim.id for claim in claims)))
                swept += len(claims)
            if len(claims) < LARGEST_ROUND:
                return swept

    async def _take(self, worker: str | None) -> list[Claim]:
        if worker is not None:
            return await self._patience.call(lambda: self._ask(LARGEST_ROUND, worker))
        try:
            return await self._ask(LARGEST_ROUND, None)
        except BrokerUnavailable as error:
            # Not again: the call that is answered first after an outage must not be this one.
            self._patience.failed(error)
            return []

    async def _ask(self, limit: int, worker: str | None) -> list[Claim]:
        token = secrets.token_hex(16)
        return await self._broker.reclaim(limit, token=token, lease=self._lease, worker=worker)

    async def _settle(self, claims: list[Claim]) -> bool:
        settlements = [
            decide(
                claim,
                Crashed(),
                retry=DEFAULT_RETRY,
                jitter=random.random,
                run=Run(attempt=claim.attempts, started_at=claim.started_at),
            )
            for claim in claims
        ]
        # A stop waits for that, else nobody could have these jobs before our own lease on them ends.
        with anyio.move_on_after(self._lease / 3, shield=True) as scope:
            await self._patience.call(lambda: self._broker.settle(settlements))
        return not scope.cancelled_caught
