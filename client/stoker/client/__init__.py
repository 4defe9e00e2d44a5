"""What producers import: the client, for asyncio and without."""

from stoker.client.client import Client
from stoker.client.handle import JobHandle
from stoker.client.job_filter import JobFilter
from stoker.client.sync_client import SyncClient
from stoker.jobs.calls import Unique

__all__ = ["Client", "JobFilter", "JobHandle", "SyncClient", "Unique"]
