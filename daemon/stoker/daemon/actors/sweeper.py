"""The sweeper takes back jobs whose worker died, and decides what each crash means."""

import random
import secrets

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Broker
from stoker.daemon.supervision.rhythm import Patience, jittered
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, SweepHeld, Swept
from stoker.jobs.job import Claim, Run
from stoker.jobs.outcome import Crashed, decide
from stoker.jobs.retry import DEFAULT_RETRY

LARGEST_ROUND = 100


class Sweeper:
    """Reclaims under a token of its own, decides `Crashed`, and settles: like any other ending.

    An outage of the store must not be taken for the death of everybody who could not renew meanwhile:
    after a call of its own failed, and after the store itself was started, nothing is reclaimed for
    a full lease.
    """

    name = "sweeper"

    def __init__(self, *, broker: Broker, lease: float, every: float, emit: Emit, clock: Clock) -> None:
        self._broker = broker
        self._lease = lease
        self._every = every
        self._emit = emit
        self._clock = clock
        self._patience = Patience(self.name, emit=emit, clock=clock)
        self._looked_at: float | None = None
        self._held_until = 0.0

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self.tick()
            await anyio.sleep(jittered(self._every))

    async def tick(self) -> int:
        """One round; says how many jobs were taken back."""
        uptime = await self._patience.call(self._broker.uptime)
        now = self._clock.elapsed()
        if self._looked_at is not None and now - self._looked_at > self._every + self._lease:
            # Suspended with its host, perhaps with all the workers on it: they wake up just now.
            self._held_until = now + self._lease
        self._looked_at = now
        failed = self._patience.failed_at
        if uptime < self._lease:
            return self._hold(self._lease - uptime, "the store has just been started")
        if failed is not None and now - failed < self._lease:
            return self._hold(failed + self._lease - now, "the store was out")
        if now < self._held_until:
            return self._hold(self._held_until - now, "this process stood still")
        return await self._reclaim(None)

    async def bury(self, worker: str) -> int:
        """Take back at once all that this worker holds: whoever calls has seen it die."""
        return await self._reclaim(worker)

    def _hold(self, seconds: float, why: str) -> int:
        self._emit(SweepHeld(seconds, why))
        return 0

    async def _reclaim(self, worker: str | None) -> int:
        swept = 0
        while True:
            claims = await self._patience.call(
                lambda: self._broker.reclaim(
                    LARGEST_ROUND, token=secrets.token_hex(16), lease=self._lease, worker=worker
                )
            )
            if claims and await self._settle(claims):
                self._emit(Swept(len(claims), tuple(claim.id for claim in claims)))
                swept += len(claims)
            if len(claims) < LARGEST_ROUND:
                return swept

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
