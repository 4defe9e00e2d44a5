"""Recurring jobs for code that cannot await."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack

from stoker.client.options import Options
from stoker.client.reach import Reach
from stoker.client.sync_handle import SyncJobHandle
from stoker.client.ticket import Ticket
from stoker.client.when import When
from stoker.jobs.calls import Call
from stoker.jobs.durations import Duration
from stoker.jobs.recurring import Recurring


class SyncScheduling:
    """The methods of `Scheduling`, each of which blocks until it is done."""

    _reach: Reach

    def add_recurring(
        self,
        name: str,
        call: Call[Any] | str,
        arguments: Mapping[str, Any] | None = None,
        *,
        options: Options | None = None,
        **when: Unpack[When],
    ) -> str:
        """See `Client.add_recurring`."""
        return self._reach.run(
            lambda client: client.add_recurring(name, call, arguments, options=options, **when)
        )

    def recurring(self) -> list[Recurring]:
        """See `Client.recurring`."""
        return self._reach.run(lambda client: client.recurring())

    def recurring_count(self) -> int:
        """See `Client.recurring_count`."""
        return self._reach.run(lambda client: client.recurring_count())

    def recurring_job(self, which: str) -> Recurring:
        """See `Client.recurring_job`."""
        return self._reach.run(lambda client: client.recurring_job(which))

    def toggle_recurring(
        self,
        which: str,
        enabled: bool | None = None,
        *,
        resumes: datetime | Duration | None = None,
    ) -> bool:
        """See `Client.toggle_recurring`."""
        return self._reach.run(lambda client: client.toggle_recurring(which, enabled, resumes=resumes))

    def revert_recurring(self, which: str) -> None:
        """See `Client.revert_recurring`."""
        self._reach.run(lambda client: client.revert_recurring(which))

    def remove_recurring(self, which: str) -> None:
        """See `Client.remove_recurring`."""
        self._reach.run(lambda client: client.remove_recurring(which))

    def fire_recurring(self, which: str) -> SyncJobHandle[Any]:
        """See `Client.fire_recurring`."""
        handle = self._reach.run(lambda client: client.fire_recurring(which))
        return SyncJobHandle(self._reach, Ticket(handle.id, handle.created, Any, "enqueued"))

    def recurring_times(self, which: str, count: int = 5) -> list[datetime]:
        """See `Client.recurring_times`."""
        return self._reach.run(lambda client: client.recurring_times(which, count))
