"""A context without a daemon, that remembers what the handler said."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stoker.handlers.context import Context, Services
from stoker.jobs.ids import IdSource
from stoker.jobs.job import DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, Claim


class FakeContext(Context):
    """A `Context` for calling a handler: `await generate(FakeContext(), "monthly", db=fake)`."""

    __slots__ = ("levels", "logs", "progressed")

    def __init__(
        self,
        *,
        id: str | None = None,
        type: str = "test",
        queue: str = DEFAULT_QUEUE,
        priority: int = DEFAULT_PRIORITY,
        attempts: int = 1,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        crashes: int = 0,
        created_at: datetime | None = None,
        scheduled_at: datetime | None = None,
        tags: tuple[str, ...] = (),
        recurring_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: datetime | None = None,
        services: Services | None = None,
    ) -> None:
        now = datetime.now(UTC)
        claim = Claim(
            id=id or IdSource().next(queue),
            token=uuid.uuid4().hex,
            type=type,
            queue=queue,
            priority=priority,
            payload=b"{}",
            attempts=attempts,
            max_attempts=max_attempts,
            crashes=crashes,
            created_at=created_at or now,
            scheduled_at=scheduled_at or created_at or now,
            started_at=now,
            tags=tags,
            recurring_id=recurring_id,
            headers=headers,
        )
        super().__init__(claim, _Notes(self), worker="test", deadline=deadline, services=services)
        self.progressed: list[tuple[float, str | None]] = []
        """Every progress, with its message."""
        self.logs: list[str] = []
        """Every line that was logged."""
        self.levels: list[str] = []
        """The level of each line."""

    def cancel(self, reason: str | None = None) -> None:
        """Let the handler see that it should stop: `ctx.cancelled` and `ctx.cancel_reason`."""
        self._cancel(reason)


class _Notes:
    """The fake context's sink."""

    def __init__(self, context: FakeContext) -> None:
        self._context: Any = context

    def progress(self, claim: Claim, percent: float, message: str | None) -> None:
        self._context.progressed.append((percent, message))

    def log(self, claim: Claim, message: str, level: str) -> None:
        self._context.logs.append(message)
        self._context.levels.append(level)
