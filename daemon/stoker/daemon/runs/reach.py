"""What a run in this process can reach beyond its own job: a client, and its own end."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from stoker.brokers.protocol import Broker
from stoker.client import Client, SyncClient
from stoker.daemon.runs.record import Record
from stoker.jobs.job import Settlement
from stoker.jobs.operating import Verdict


class Reach:
    """Belongs to the event loop of the runs; handlers reach it from there and from their threads."""

    def __init__(self, broker: Broker, client: Client) -> None:
        self.client: Any = client
        self.records: Mapping[str, Record] = {}
        """The runs of this process, by job id."""
        self._broker = broker
        self._loop = asyncio.get_running_loop()

    @property
    def sync_client(self) -> Any:
        return SyncClient.over(self.client, self._loop)

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        """Settle inside the caller's transaction, with all that the run has said until now.

        What it has said goes back to the record, to be stored again: the caller may still roll back,
        and if it does not, the settlement that follows is answered "already" and changes nothing.
        """
        record = self.records.get(settlement.id)
        if record is None or record.claim.token != settlement.token:
            return await self._broker.settle_in(connection, settlement)
        news = record.take_news()
        try:
            return await self._broker.settle_in(
                connection,
                msgspec.structs.replace(
                    settlement,
                    progress=news.progress,
                    progress_message=news.progress_message,
                    logs=news.logs,
                    dropped_logs=news.dropped_logs,
                ),
            )
        finally:
            record.put_back(news)
