"""One run in this process: the claim it works under, and the news of it that is not yet stored."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from stoker.handlers.collecting import AnyHandler
from stoker.handlers.context import Context
from stoker.jobs.codec import storable
from stoker.jobs.job import Claim, LogLine, Report

Interruption = Literal["cancel", "shutdown", "fenced", "lost"]
"""Why a run is ended from outside: a wish to cancel; this process stops; the lease could not be
renewed in time; the lease is another's already."""


class Record:
    """A run, from its claim until its settlement is acknowledged.

    It is the handler context's sink: `progress` and `log` may come from any thread, and news may be
    taken and put back in any. Everything else belongs to the event loop of the runs, but for
    `safe_until` and `told`, which are the keeper's.
    """

    __slots__ = (
        "_dropped",
        "_lock",
        "_logs",
        "_max_logs",
        "_progress",
        "active",
        "after_report",
        "begun",
        "claim",
        "context",
        "handler",
        "in_child",
        "interrupted_at",
        "interruption",
        "lane",
        "reason",
        "reporting",
        "safe_until",
        "self_fence",
        "settled_in_child",
        "started",
        "stuck",
        "task",
        "timeout",
        "told",
    )

    def __init__(
        self,
        claim: Claim,
        handler: AnyHandler | None,
        *,
        lane: str,
        started: float = 0.0,
        safe_until: float = 0.0,
        self_fence: bool = False,
        max_logs: int = 0,
        timeout: float | None = None,
    ) -> None:
        self.claim = claim
        self.handler = handler
        self.lane = lane
        self.started = started
        """`clock.elapsed()` at the start."""
        self.safe_until = safe_until
        """`clock.elapsed()` until which the lease certainly holds, less the margin."""
        self.self_fence = self_fence
        self.timeout = timeout
        """Seconds from the start that the run may take."""
        self.in_child = False
        """It runs in a child process, which can be killed."""
        self.settled_in_child = False
        """What its context said there, when it had ended."""
        self.task: asyncio.Task[None] | None = None
        self.context: Context | None = None
        self.active = True
        """The handler may still be running; False once the outcome is with the settler."""
        self.begun = False
        """Its task has made its first step: from then on it answers for the run's outcome."""
        self.interruption: Interruption | None = None
        self.interrupted_at: float | None = None
        """`clock.elapsed()` when it was first told to end from outside."""
        self.reason: str | None = None
        self.told: Interruption | None = None
        """What the keeper has sent it last: it may be on its way still, to a loop that is blocked."""
        self.stuck = False
        self.reporting = False
        """Its news are on the way to the broker; its settlement waits for them."""
        self.after_report: Callable[[], None] | None = None
        self._max_logs = max_logs
        self._lock = threading.Lock()
        self._logs: deque[LogLine] = deque()
        self._progress: tuple[float, str | None] | None = None
        self._dropped = 0

    @property
    def settled_in(self) -> bool:
        """`complete_in` has written its end: the broker may find its token stale, and all is well."""
        return self.settled_in_child or (self.context is not None and self.context.settled_in)

    def overdue(self, at: float) -> bool:
        """Whether its timeout had passed by then, in `clock.elapsed()`; in a child, the child knows."""
        return not self.in_child and self.timeout is not None and at >= self.started + self.timeout

    def told_at(self) -> float | None:
        """When (`clock.elapsed()`) it is first told to end: from outside, or by its timeout."""
        if self.timeout is None:
            return self.interrupted_at
        time_up = self.started + self.timeout
        return time_up if self.interrupted_at is None else min(time_up, self.interrupted_at)

    def progress(self, claim: Claim, percent: float, message: str | None) -> None:
        news = (percent, None if message is None else storable(message, 1000))
        with self._lock:
            self._progress = news

    def log(self, claim: Claim, message: str, level: str) -> None:
        line = LogLine(datetime.now(UTC), storable(message, 16_384), level, claim.attempts)
        with self._lock:
            self._logs.append(line)
            if len(self._logs) > self._max_logs:
                # More between two flushes than would be kept: the newest count.
                self._logs.popleft()
                self._dropped += 1

    @property
    def has_news(self) -> bool:
        return bool(self._logs) or self._progress is not None or self._dropped > 0

    def take_news(self) -> Report:
        """What is new since the last time. Lines that arrive meanwhile stay for the next."""
        with self._lock:
            lines = tuple(self._logs)
            self._logs.clear()
            (percent, message), self._progress = self._progress or (None, None), None
            dropped, self._dropped = self._dropped, 0
        return Report(
            id=self.claim.id,
            token=self.claim.token,
            progress=percent,
            progress_message=message,
            logs=lines,
            dropped_logs=dropped,
        )

    def put_back(self, news: Report) -> None:
        """News that could not be stored; what has come since is newer."""
        with self._lock:
            self._logs.extendleft(reversed(news.logs))
            self._dropped += news.dropped_logs
            # Else a long outage would let them grow beyond every bound.
            while len(self._logs) > self._max_logs:
                self._logs.popleft()
                self._dropped += 1
            if self._progress is None and news.progress is not None:
                self._progress = (news.progress, news.progress_message)
