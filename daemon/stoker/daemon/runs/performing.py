"""From a claim to its ending: finds the handler, gives it its context and its place, times it."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from stoker.daemon.runs.record import Record
from stoker.handlers.collecting import AnyHandler
from stoker.handlers.context import Context, Services
from stoker.handlers.endings import ending_of
from stoker.handlers.executing import execute
from stoker.handlers.middleware import Middleware
from stoker.handlers.resources import Resources
from stoker.jobs.durations import text
from stoker.jobs.outcome import SOLO_FROM, Ending, Raised, Released, Stopped, UnknownType


class Children(Protocol):
    """Runs jobs in processes of their own. Cancelling the call ends the run inside, or kills it."""

    async def run(self, record: Record, timeout: float | None, *, solo: bool) -> Ending: ...


class Performer:
    """Performs runs of this process, one call each."""

    def __init__(
        self,
        *,
        worker: str,
        handlers: Mapping[str, AnyHandler],
        resources: Resources,
        middleware: Sequence[Middleware],
        threads: Executor,
        children: Children | None,
        services: Services | None,
        max_result: int,
    ) -> None:
        self.handlers = handlers
        self._worker = worker
        self._resources = resources
        self._middleware = tuple(middleware)
        self._threads = threads
        self._children = children
        self._services = services
        self._max_result = max_result

    async def perform(self, record: Record) -> Ending | None:
        """The run's ending; None if the lease is lost, so that there is nothing left to say."""
        handler = record.handler
        if handler is None:
            return UnknownType()
        claim = record.claim
        timeout = record.timeout
        solo = claim.crashes >= SOLO_FROM
        try:
            if self._children is not None and (solo or handler.options.isolation == "process"):
                record.in_child = True
                ending = await self._children.run(record, timeout, solo=solo)
            elif timeout is None:
                ending = await self._execute(record, handler, None)
            else:
                ending = await self._execute_in_time(record, handler, timeout)
        except asyncio.CancelledError as error:
            if record.interruption is not None:
                return interrupted(record)
            # Not from us: the handler cancelled something of its own and let it out.
            ending = _let_out(error, handler, claim.attempts)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            # sys.exit() in a handler ends the run, not the process.
            ending = _let_out(error, handler, claim.attempts)
        return _after_interruption(record, ending)

    async def _execute_in_time(self, record: Record, handler: AnyHandler, timeout: float) -> Ending:
        try:
            async with asyncio.timeout(timeout) as limit:
                ending = await self._execute(
                    record, handler, datetime.now(UTC) + timedelta(seconds=timeout)
                )
        except TimeoutError:
            return timed_out(timeout)
        # A handler may have caught the cancellation, or a thread ended after its time.
        return timed_out(timeout) if limit.expired() else ending

    def _execute(
        self, record: Record, handler: AnyHandler, deadline: datetime | None
    ) -> Coroutine[Any, Any, Ending]:
        claim = record.claim
        context = record.context = Context(
            claim, record, worker=self._worker, deadline=deadline, services=self._services
        )
        if handler.is_async:
            in_thread = _no_thread
        else:

            async def in_thread(call: Callable[[], Any]) -> Any:
                return await self._in_thread(record, context, call)

        return execute(
            handler,
            context,
            claim.payload,
            resources=self._resources,
            middleware=self._middleware,
            in_thread=in_thread,
            max_result=self._max_result,
        )

    async def _in_thread(self, record: Record, context: Context, call: Callable[[], Any]) -> Any:
        """Wait for the thread, whatever happens: it cannot be killed, and keeps slot and lease."""
        run = contextvars.copy_context().run
        future = asyncio.get_running_loop().run_in_executor(self._threads, run, call)
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                context._cancel(record.reason or "timeout")
        return future.result()


def timed_out(timeout: float) -> Raised:
    """The ending of a run that took longer than its timeout, in seconds."""
    return Raised(f"TimeoutError: ran longer than {text(timeout)}", timed_out=True)


async def _no_thread(call: Callable[[], Any]) -> Any:
    raise AssertionError("an async handler does not run in a thread")


def interrupted(record: Record) -> Ending | None:
    """The ending of a run that went, or is given up, because it was told to end.

    None if the lease is lost, so that there is nothing left to say.
    """
    if record.interruption == "lost":
        return None
    if record.timeout is not None and record.overdue(record.interrupted_at or 0.0):
        return timed_out(record.timeout)  # its time was up before anybody interrupted it
    if record.interruption == "cancel":
        return Stopped(record.reason)
    return Released(record.reason or "shutdown", started=record.begun)


def _after_interruption(record: Record, ending: Ending) -> Ending | None:
    """A success counts, even a late one; an error on the way out is the interruption's, not a run's."""
    if record.interruption is None:
        return ending
    if record.interruption == "lost":
        return None
    if not isinstance(ending, Raised):
        return ending
    if ending.timed_out:
        # A child knows by itself which of the two came first.
        return ending if record.in_child else interrupted(record)
    record.log(record.claim, f"raised on its way out: {ending.error}", "warning")
    return interrupted(record)


def _let_out(error: BaseException, handler: AnyHandler, attempt: int) -> Ending:
    """The ending for what is no Exception, of which retry policies say nothing: it may run again."""
    retry = handler.options.retry
    ending = ending_of(error, retry, attempt)
    if isinstance(ending, Raised):
        return msgspec.structs.replace(ending, for_good=isinstance(error, retry.give_up_on))
    return ending
