"""The entry of a child for isolated jobs: `python -m stoker.daemon.children.isolated FD PARENT`.

The main thread is the event loop, where async handlers run; `def` handlers run in one thread beside it.
The parent is heard in a third, so that a cancel is known however busy the other two are.
"""

import asyncio
import contextvars
import faulthandler
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.daemon.children.frames import (
    CancelRun,
    News,
    NotReady,
    Ready,
    RunBegan,
    Setup,
    StartRun,
    Stop,
    ToChild,
    run_ended,
)
from stoker.daemon.children.parentage import (
    be_first_out_of_memory,
    die_with_parent,
    leave_interrupts_to_parent,
)
from stoker.daemon.children.services import ChildServices
from stoker.daemon.children.telling import Teller
from stoker.daemon.children.wire import Wire
from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.logs import configure_logs, enter_job
from stoker.handlers.collecting import AnyHandler
from stoker.handlers.context import Context
from stoker.handlers.executing import execute
from stoker.handlers.middleware import Middleware
from stoker.handlers.resources import Resources
from stoker.jobs.codec import storable
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Done, Ending, Raised, UnknownType


class CurrentRun:
    """The run that is going on in this process."""

    def __init__(self, number: int, handler: AnyHandler, context: Context) -> None:
        self.number = number
        self.context = context
        self.is_async = handler.is_async
        self.task: asyncio.Task[None] | None = None
        self.cancelled = False
        self.unwinding = False
        """Its coroutine has been cancelled and may be cleaning up."""


class IsolatedChild:
    """Runs what the parent sends, one at a time, until it is told to stop."""

    def __init__(
        self,
        wire: Wire,
        setup: Setup,
        handlers: Mapping[str, AnyHandler],
        middleware: Sequence[Middleware],
    ) -> None:
        """On the event loop that it will serve on."""
        self._wire = wire
        self._teller = Teller(wire)
        self._worker = setup.name
        self._max_result = setup.settings.max_payload
        self._handlers = handlers
        self._middleware = tuple(middleware)
        self._services = ChildServices(
            lambda: _connected(setup), self._teller.take_news, max_payload=self._max_result
        )
        self._resources = Resources()
        self._threads = ThreadPoolExecutor(1, "stoker-handler")
        self._current: CurrentRun | None = None

    async def serve(self) -> None:
        """Until the parent says stop; then the run that is going on is waited for."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()

        def hear(frame: ToChild) -> None:
            match frame:
                case StartRun():
                    loop.call_soon_threadsafe(self._begin, frame)
                case CancelRun(number, reason):
                    self._mark_cancelled(number, reason)
                    loop.call_soon_threadsafe(self._cancel, number, reason)
                case News(report):
                    self._teller.hear(report)
                case Stop():
                    loop.call_soon_threadsafe(stopped.set)
                case _:
                    pass

        signal.signal(signal.SIGTERM, lambda number, frame: self._terminate())
        self._wire.send(Ready())
        self._wire.listen(hear)
        await stopped.wait()
        if self._current is not None and self._current.task is not None:
            await asyncio.wait([self._current.task])
        for error in await self._resources.close():
            traceback.print_exception(error)
        await self._services.close()

    def _begin(self, frame: StartRun) -> None:
        claim = frame.claim
        # From here on a death of this process is this job's doing.
        self._wire.send(RunBegan(frame.run))
        handler = self._handlers.get(claim.type)
        if handler is None:
            self._wire.send(run_ended(frame.run, UnknownType()))
            return
        self._teller.begin(frame.run)
        context = Context(
            claim, self._teller, worker=self._worker, deadline=frame.deadline, services=self._services
        )
        self._current = current = CurrentRun(frame.run, handler, context)
        current.task = asyncio.get_running_loop().create_task(
            self._run(current, handler, claim), name=claim.id
        )

    async def _run(self, current: CurrentRun, handler: AnyHandler, claim: Claim) -> None:
        ending: Ending | None
        enter_job(claim)
        try:
            ending = await execute(
                handler,
                current.context,
                claim.payload,
                resources=self._resources,
                middleware=self._middleware,
                in_thread=self._in_thread,
                max_result=self._max_result,
            )
        except asyncio.CancelledError as error:
            ending = None if current.cancelled else _raised(error)
        except BaseException as error:
            # sys.exit() in a handler ends the run, not the process.
            ending = _raised(error)
        self._current = None
        settled_in = current.context.settled_in
        self._teller.end(kept=settled_in and isinstance(ending, Done))
        _flush_output()
        self._wire.send(run_ended(current.number, ending, settled_in=settled_in))

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        """A thread cannot be cancelled: wait for its end, which the parent enforces."""
        run = contextvars.copy_context().run
        future = asyncio.get_running_loop().run_in_executor(self._threads, run, call)
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        return future.result()

    def _mark_cancelled(self, number: int, reason: str | None) -> None:
        """From the thread that hears the parent: the loop may be blocked."""
        current = self._current
        if current is not None and current.number == number:
            current.cancelled = True
            current.context._cancel(reason)

    def _cancel(self, number: int, reason: str | None) -> None:
        self._mark_cancelled(number, reason)
        current = self._current
        if current is not None and current.number == number and current.task is not None:
            current.unwinding = current.is_async
            current.task.cancel()

    def _terminate(self) -> None:
        """SIGTERM. Service managers send it to every process: only after a cancel it is for us."""
        current = self._current
        if current is None or not current.cancelled or current.unwinding:
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


async def serve(
    wire: Wire, setup: Setup, handlers: Mapping[str, AnyHandler], middleware: Sequence[Middleware]
) -> None:
    """Be the child until the parent says stop."""
    await IsolatedChild(wire, setup, handlers, middleware).serve()


def _connected(setup: Setup) -> Broker:
    settings = setup.settings
    if settings.broker.startswith("memory:"):
        raise BrokerRefused(
            "a memory:// broker lives in its daemon's process, out of reach of an isolated job: "
            "leave out isolation, or keep the jobs in another broker"
        )
    return connect(
        settings.broker,
        relative_to=Path(setup.relative_to),
        max_log_entries=settings.max_log_entries,
    )


def _raised(error: BaseException) -> Raised:
    text = storable(f"{type(error).__name__}: {error}".removesuffix(": "), 4000)
    return Raised(text, storable("".join(traceback.format_exception(error)).rstrip(), 16_000))


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def main() -> None:
    wire = Wire(int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    leave_interrupts_to_parent()
    be_first_out_of_memory()
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what was printed before a kill is not lost
    setup = wire.receive_setup()
    sys.path.extend(entry for entry in setup.path if entry not in sys.path)
    settings = setup.settings
    configure_logs(settings.log)
    try:
        handlers = load_handlers(settings, Path(setup.relative_to))
        middleware = load_middleware(settings.middleware)
    except Exception as error:
        wire.send(NotReady(storable(f"{type(error).__name__}: {error}", 4000)))
        return
    asyncio.run(serve(wire, setup, handlers, middleware))


if __name__ == "__main__":
    main()
