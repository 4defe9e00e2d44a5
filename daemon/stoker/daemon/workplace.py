"""What the runs of one process work with: opened in order, closed in reverse.

Only what must be there before a job can run; the actors are `stoker.daemon.tree`'s.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

import msgspec

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.client import Client
from stoker.daemon.children.delegating import Children
from stoker.daemon.children.pool import ChildPool, ChildSpec
from stoker.daemon.loading import load_handlers, load_middleware
from stoker.daemon.runs.performing import Performer
from stoker.daemon.runs.reach import Reach
from stoker.daemon.runs.runs import Outbox, Runs
from stoker.daemon.schedules import declarations
from stoker.daemon.supervision.mailbox import Mailbox
from stoker.daemon.supervision.rhythm import Patience
from stoker.daemon.surroundings import Surroundings
from stoker.handlers.collecting import AnyHandler
from stoker.handlers.resources import Resources
from stoker.jobs.errors import BrokerRefused
from stoker.jobs.events import ResourceNotClosed
from stoker.jobs.rescheduling import Declaration

EXIT_DOOMED = 75
"""The exit status of a process that must be replaced: a thread in it could not be ended."""


class Workplace(msgspec.Struct, frozen=True):
    """Everything that is shared by the actors of one process; it outlives each of them."""

    around: Surroundings
    broker: Broker
    handlers: Mapping[str, AnyHandler]
    declarations: Sequence[Declaration]
    outbox: Outbox
    runs: Runs

    def keeper_broker(self) -> AbstractAsyncContextManager[Broker]:
        """A broker for the keeper's thread: one of its own, wherever that is possible."""
        if self.around.settings.broker.startswith("memory:"):
            return nullcontext(self.broker)  # another would be another store
        return connected(self.around)


def connected(around: Surroundings, *, create: bool = False) -> Broker:
    """A broker for these settings, not yet entered."""
    return connect(
        around.settings.broker,
        relative_to=around.relative_to,
        create=create,
        max_log_entries=around.settings.max_log_entries,
    )


@asynccontextmanager
async def open_broker(around: Surroundings) -> AsyncIterator[Broker]:
    """The process' own broker; waits for a store that is out. Raises BrokerRefused."""
    settings = around.settings
    if settings.broker.startswith("memory:") and settings.processes > 1:
        raise BrokerRefused("a memory:// broker lives in one process: set processes to 1")
    patience = Patience("broker", emit=around.emit, clock=around.clock)
    async with AsyncExitStack() as stack:
        yield await patience.call(lambda: stack.enter_async_context(connected(around, create=True)))


@asynccontextmanager
async def open_workplace(around: Surroundings, broker: Broker) -> AsyncIterator[Workplace]:
    """All that runs need; the resources are closed when it is left, the children ended."""
    settings = around.settings
    handlers = load_handlers(settings, around.relative_to)
    middleware = load_middleware(settings.middleware)
    declared = declarations(settings, handlers) if settings.mode == "consumer" else []
    resources = Resources()
    threads = ThreadPoolExecutor(settings.max_concurrency, "stoker-handler")
    spec = ChildSpec(settings, around.name, around.relative_to)
    pool = ChildPool(
        size=settings.isolated, spec=spec, emit=around.emit, cancel_grace=settings.cancel_grace
    )
    outbox: Outbox = Mailbox()
    async with Client(broker, max_payload=settings.max_payload) as client:
        reach = Reach(broker, client)
        performer = Performer(
            worker=around.name,
            handlers=handlers,
            resources=resources,
            middleware=middleware,
            threads=threads,
            children=Children(pool, margin=settings.margin),
            services=reach,
            max_result=settings.max_payload,
        )
        runs = Runs(
            slots=settings.max_concurrency,
            performer=performer,
            outbox=outbox,
            emit=around.emit,
            clock=around.clock,
            worker=around.name,
            lease=settings.lease,
            margin=settings.margin,
            self_fence=settings.self_fence,
            max_logs=settings.max_log_entries,
            shutdown_grace=settings.shutdown_grace,
            cancel_grace=settings.cancel_grace,
        )
        reach.records = runs.records
        try:
            yield Workplace(around, broker, handlers, declared, outbox, runs)
        finally:
            await pool.close()
            for error in await resources.close():
                around.emit(ResourceNotClosed(_with_notes(error)))
            threads.shutdown(wait=False, cancel_futures=True)


def _with_notes(error: Exception) -> str:
    notes = " ".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error} {notes}".rstrip()


def leave_for_good(around: Surroundings) -> None:
    """End this process although a thread of it still runs: interpreters wait for their threads."""
    around.write_logs()
    os._exit(EXIT_DOOMED)
