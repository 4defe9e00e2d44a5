"""The listener turns the broker's hints into looks; without it everything works, but later."""

from collections.abc import Callable, Sequence

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Broker
from stoker.daemon.actors.lane import Lane
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import Patience
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit
from stoker.jobs.operating import Wakeup

AGAIN = 0.05
"""Seconds until hints that have ended by themselves are asked for anew."""


class Listener:
    """Wakes lanes whose queues may have work, and the keeper when one of its jobs may be cancelled."""

    name = "listener"

    def __init__(
        self,
        *,
        broker: Broker,
        lanes: Sequence[Lane],
        runs: Runs,
        renew_now: Callable[[], None],
        emit: Emit,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._lanes = tuple(lanes)
        self._runs = runs
        self._renew_now = renew_now
        self._patience = Patience(self.name, emit=emit, clock=clock)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            pause = AGAIN
            try:
                async for wakeup in self._broker.wakeups():
                    self._patience.answered()
                    self._pass_on(wakeup)
            except BrokerUnavailable as error:
                pause = self._patience.failed(error)
            await anyio.sleep(pause)

    def _pass_on(self, wakeup: Wakeup) -> None:
        match wakeup.kind:
            case "cancel":
                if not wakeup.ids or any(id in self._runs.records for id in wakeup.ids):
                    self._renew_now()
            case "ready" | "pause":
                for lane in self._lanes:
                    if not wakeup.queues or any(queue in lane.queues for queue in wakeup.queues):
                        lane.hint()
            case "settled":
                pass  # for whoever waits for a result
