"""One run of a job in a harness: claimed, executed, decided and settled in one place."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from stoker.handlers.context import Context
from stoker.handlers.executing import execute
from stoker.handlers.middleware import Middleware
from stoker.handlers.protocol import AnyHandler
from stoker.handlers.resources import Resources
from stoker.jobs.codec import MAX_PAYLOAD, storable
from stoker.jobs.durations import text
from stoker.jobs.job import Claim, LogLine, Run, Settlement
from stoker.jobs.operating import Verdict
from stoker.jobs.outcome import Done, Ending, Raised, decide
from stoker.jobs.retry import DEFAULT_RETRY, Retry
from stoker.jobs.state import State

if TYPE_CHECKING:
    from stoker.brokers.protocol import Broker
    from stoker.client import Client


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A run that took place, and what became of it."""

    id: str
    type: str
    attempt: int
    state: State
    """Of the job, after the run: completed, retrying, pending …"""
    delay: float = 0.0
    """Seconds to the next run, for pending and retrying."""
    result: msgspec.Raw | None = None
    """As JSON."""
    error: str | None = None
    traceback: str | None = None
    reason: str | None = None
    progressed: tuple[tuple[float, str | None], ...] = ()
    logs: tuple[str, ...] = ()


class Rehearsal:
    """A run, its sink and its services at once."""

    def __init__(self, claim: Claim, broker: "Broker", client: "Client", *, worker: str) -> None:
        self.client = client
        self._claim = claim
        self._broker = broker
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._progressed: list[tuple[float, str | None]] = []
        self._logs: list[LogLine] = []

    @property
    def sync_client(self) -> Any:
        from stoker.client import SyncClient

        return SyncClient.over(self.client, self._loop)

    def progress(self, claim: Claim, percent: float, message: str | None) -> None:
        self._progressed.append((percent, message))

    def log(self, claim: Claim, message: str, level: str) -> None:
        self._logs.append(LogLine(datetime.now(UTC), storable(message), level, claim.attempts))

    async def settle_in(self, connection: Any, settlement: Settlement) -> Verdict:
        """Settle at once: the broker in memory shares no transaction with anything."""
        [verdict] = await self._broker.settle([self._with_news(settlement)])
        return verdict

    async def run(
        self, handler: AnyHandler, resources: Resources, middleware: tuple[Middleware, ...]
    ) -> Ran:
        """Run the handler and settle as the daemon would."""
        claim = self._claim
        timeout = handler.options.timeout if claim.timeout is None else claim.timeout
        deadline = None if timeout is None else datetime.now(UTC) + timedelta(seconds=timeout)
        ctx = Context(claim, self, worker=self._worker, deadline=deadline, services=self)
        ending = await self._ending(handler, ctx, timeout, resources, middleware)
        if ctx.settled_in and isinstance(ending, Done):
            return self._ran(decide(claim, ending, retry=DEFAULT_RETRY, jitter=float))
        return await self.settle(ending, handler.options.retry)

    async def _ending(
        self,
        handler: AnyHandler,
        ctx: Context,
        timeout: float | None,
        resources: Resources,
        middleware: tuple[Middleware, ...],
    ) -> Ending:
        timed_out = Raised(f"TimeoutError: ran longer than {text(timeout or 0)}", timed_out=True)
        try:
            async with asyncio.timeout(timeout) as limit:
                ending = await execute(
                    handler,
                    ctx,
                    self._claim.payload,
                    resources=resources,
                    middleware=middleware,
                    in_thread=asyncio.to_thread,
                    max_result=MAX_PAYLOAD,
                )
        except TimeoutError:
            return timed_out
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Not from outside: the handler cancelled something of its own and let it out.
            return Raised("CancelledError")
        # A handler may have caught the cancellation that the timeout sent.
        return timed_out if limit.expired() else ending

    async def settle(self, ending: Ending, retry: Retry = DEFAULT_RETRY) -> Ran:
        claim = self._claim
        entry = Run(attempt=claim.attempts, started_at=claim.started_at, worker=self._worker)
        settlement = decide(claim, ending, retry=retry, jitter=float, run=entry)
        await self._broker.settle([self._with_news(settlement)])
        return self._ran(settlement)

    def _with_news(self, settlement: Settlement) -> Settlement:
        percent, message = self._progressed[-1] if self._progressed else (None, None)
        return msgspec.structs.replace(
            settlement, progress=percent, progress_message=message, logs=tuple(self._logs)
        )

    def _ran(self, settlement: Settlement) -> Ran:
        run = settlement.run
        return Ran(
            id=self._claim.id,
            type=self._claim.type,
            attempt=self._claim.attempts,
            state=settlement.state,
            delay=settlement.delay,
            result=None if settlement.result is None else msgspec.Raw(settlement.result),
            error=settlement.error,
            traceback=None if run is None else run.traceback,
            reason=settlement.reason,
            progressed=tuple(self._progressed),
            logs=tuple(line.message for line in self._logs),
        )
