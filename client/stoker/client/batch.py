"""Jobs on their way into a broker together, all of them or none."""

import asyncio
from collections.abc import Sequence
from random import uniform
from typing import Any

import msgspec

from stoker.brokers.protocol import Broker
from stoker.client.ticket import Ticket
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.job import Enqueued, NewJob

ONCE_MORE_AFTER = (0.05, 0.2)
"""Seconds, at random between these, after which an enqueue that met an outage is tried once more."""


class Batch(msgspec.Struct, frozen=True):
    """Checked jobs, and what each of them returns."""

    broker: Broker
    jobs: Sequence[NewJob]
    returns: Sequence[Any]

    async def put(self, connection: Any = None) -> list[Ticket]:
        """Write them: at once, or within the transaction that is open on the caller's connection.

        With a synchronous connection it never suspends.
        """
        if connection is not None:
            enqueued = await self.broker.enqueue_in(connection, self.jobs)
            return self._tickets(enqueued, "joined")
        try:
            enqueued = await self.broker.enqueue(self.jobs)
        except BrokerUnavailable:
            # The ids are made, so what was written without being acknowledged is not written twice.
            await asyncio.sleep(uniform(*ONCE_MORE_AFTER))
            again = [msgspec.structs.replace(job, unsent=False) for job in self.jobs]
            enqueued = await self.broker.enqueue(again)
        return self._tickets(enqueued, "enqueued")

    def _tickets(self, enqueued: Sequence[Enqueued], origin: Any) -> list[Ticket]:
        return [
            Ticket(one.id, one.created, returns, origin)
            for one, returns in zip(enqueued, self.returns, strict=True)
        ]
