"""The listener turns the broker's hints into looks; without it everything works, but later."""

from collections.abc import Callable, Sequence

import anyio
from anyio.abc import TaskStatus

from stoker.brokers.protocol import Broker
from stoker.daemon.actors.lane import Lane
from stoker.daemon.runs.runs import Runs
from stoker.daemon.supervision.rhythm import backoff
from stoker.jobs.clock import Clock
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.events import Emit, StoreLost


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
        self._emit = emit
        self._clock = clock

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        failures = 0
        while True:
            try:
                async for wakeup in self._broker.wakeups():
                    failures = 0
                    if wakeup.kind == "cancel":
                        if not wakeup.ids or any(id in self._runs.records for id in wakeup.ids):
                            self._renew_now()
                    elif wakeup.kind == "ready" or wakeup.kind == "pause":
                        self._wake(wakeup.queues)
            except BrokerUnavailable as error:
                failures += 1
                self._emit(StoreLost(self.name, str(error), backoff(failures)))
            await anyio.sleep(backoff(failures))

    def _wake(self, queues: tuple[str, ...]) -> None:
        for lane in self._lanes:
            if not queues or any(queue in lane.queues for queue in queues):
                lane.hint()
