"""Runs jobs without a daemon: a private broker in memory, a client, and time that is moved."""

import inspect
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from stoker.handlers.class_handler import Handler
from stoker.handlers.collecting import add, as_handler, collect, handlers_in
from stoker.handlers.middleware import Middleware
from stoker.handlers.protocol import AnyHandler, Opener
from stoker.handlers.resources import Resources
from stoker.handlers.testing.rehearsal import Ran, Rehearsal
from stoker.jobs.clock import Offset
from stoker.jobs.durations import Duration, seconds
from stoker.jobs.errors import HandlerError
from stoker.jobs.job import Claim, Job
from stoker.jobs.operating import Query
from stoker.jobs.outcome import UnknownType
from stoker.jobs.patterns import QueueSet

if TYPE_CHECKING:
    from stoker.brokers.protocol import Broker
    from stoker.client import Client

WORKER = "harness"
LEASE = 30 * 86400.0
"""Seconds; nobody renews here, and time is moved between runs."""
MOST_RUNS = 10_000
"""What one `drain` may run: more than that is a job that makes itself anew for ever."""
INSTANT = 0.001
"""Seconds past the moment a job is due, so that no rounding leaves it just ahead."""


class Harness:
    """A broker, a client and a worker for a test of handlers, in one process and one at a time.

    `handlers` are modules, names of modules or packages, or handlers themselves; `resources` says
    what stands in for an opener: a function made by `@contextmanager` or `@asynccontextmanager` is
    opened, anything else is given to the handler as it is. Async handlers run on the test's loop,
    others in a thread; `isolation` is ignored. The broker's time moves as `drain` says; the handlers'
    own clocks do not.
    """

    client: "Client"
    """A client on the harness's broker."""

    def __init__(
        self,
        handlers: Iterable[ModuleType | str | AnyHandler | type[Handler]],
        *,
        resources: Mapping[Any, Any] | None = None,
        middleware: Sequence[Middleware] = (),
        app_dir: Path | None = None,
    ) -> None:
        self.handlers: dict[str, AnyHandler] = {}
        """By name."""
        for one in handlers:
            add(self.handlers, _found(one, app_dir or Path.cwd()))
        self._offset = Offset()
        self._middleware = tuple(middleware)
        fakes = {opener: _as_opener(fake) for opener, fake in (resources or {}).items()}
        self._resources = Resources(fakes)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from stoker.brokers.connecting import connect
        from stoker.client import Client

        self._broker: Broker = await self._stack.enter_async_context(
            connect("memory://", create=True, offset=self._offset)
        )
        await self._broker.publish([handler.type_info() for handler in self.handlers.values()])
        self.client = await self._stack.enter_async_context(Client(self._broker))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        closing = await self._resources.close()
        await self._stack.aclose()
        if closing:
            raise ExceptionGroup("resources failed to close", closing)

    async def drain(self, advance: Duration = 0) -> list[Ran]:
        """Let so much time pass, and run all that is due now and meanwhile; gives the runs, in order.

        Jobs that a run enqueues, delays and retries are run too if their time comes. Raises
        HandlerError for a job whose type the harness has no handler for.
        """
        left = seconds(advance)
        runs: list[Ran] = []
        while True:
            next_due = await self._run_due(runs)
            if left <= 0:
                return runs
            step = left if next_due is None else min(left, next_due + INSTANT)
            self._offset.advance(step)
            left -= step

    async def jobs(self, query: Query | None = None) -> list[Job]:
        """All jobs of the broker, or those of the query, the newest first."""
        jobs: list[Job] = []
        cursor = None
        while True:
            page = await self._broker.find(query or Query(), limit=200, cursor=cursor)
            jobs.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return jobs

    async def _run_due(self, runs: list[Ran]) -> float | None:
        """Run what is due, the most urgent first; gives the seconds until more is."""
        while True:
            promotion = await self._broker.promote(1000)
            claims = await self._broker.claim(
                QueueSet(), 1, worker=WORKER, token=uuid.uuid4().hex, lease=LEASE
            )
            if not claims:
                if promotion.more:
                    continue
                return promotion.next_due
            if len(runs) >= MOST_RUNS:
                raise RuntimeError(
                    f"drain has run {MOST_RUNS:,} jobs and there are more: is there one that "
                    f"enqueues or snoozes itself for ever, such as {claims[0].type!r}?"
                )
            runs.append(await self._run(claims[0]))

    async def _run(self, claim: Claim) -> Ran:
        handler = self.handlers.get(claim.type)
        rehearsal = Rehearsal(claim, self._broker, self.client, worker=WORKER)
        if handler is None:
            await rehearsal.settle(UnknownType())
            known = ", ".join(sorted(self.handlers)) or "none"
            raise HandlerError(
                f"job {claim.id} is a {claim.type!r}, which this harness has no handler for; "
                f"it knows {known}"
            )
        return await rehearsal.run(handler, self._resources, self._middleware)


def _found(one: ModuleType | str | AnyHandler | type[Handler], app_dir: Path) -> Iterable[AnyHandler]:
    if isinstance(one, str):
        return collect([one], app_dir).values()
    if isinstance(one, ModuleType):
        if found := list(handlers_in([one])):
            return found
        raise HandlerError(f"{one.__name__} holds no handler: nothing in it has @handler")
    if (handler := as_handler(one)) is not None:
        return [handler]
    raise HandlerError(f"{one!r} is neither a module nor a handler")


def _as_opener(fake: Any) -> Opener:
    if callable(fake):
        plain: Callable[..., Any] = inspect.unwrap(fake)
        if plain is not fake and (
            inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
        ):
            return fake  # type: ignore[no-any-return]

    @contextmanager
    def as_it_is() -> Any:
        yield fake

    return as_it_is
