"""A supervisor starts actors in order, stops them in reverse, and restarts the fallen.

Strategies and restart budgets are those of Erlang/OTP's supervisors. Four rules keep the order under
cancellation: each child runs shielded and is cancelled through its own scope, one after the other; no
child is started by `TaskGroup.start()`, which hangs with a shielded child if the supervisor is
cancelled meanwhile; a stop that has begun goes through to its end, also if it is asked for twice; and
a child that has just fallen is started once more, to be stopped like the others, because it may hold
what only its own end brings into order.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Coroutine, Sequence
from enum import Enum
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup, TaskStatus
from anyio.lowlevel import checkpoint_if_cancelled

from stoker.daemon.supervision.actor import Actor
from stoker.jobs.clock import Clock
from stoker.jobs.errors import StokerError
from stoker.jobs.events import ChildFell, Emit


class Strategy(Enum):
    """Who is restarted when one child falls."""

    ONE_FOR_ONE = "one_for_one"
    """That child."""
    ONE_FOR_ALL = "one_for_all"
    """All of them."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those started after it."""


class Budget(msgspec.Struct, frozen=True):
    """More than `restarts` falls within `within` seconds are the parent's problem."""

    restarts: int = 5
    within: float = 30.0


class TooManyRestarts(StokerError):
    """A supervisor's children fell more often than its budget allows."""


class _Life:
    """One child, from a start to its end."""

    def __init__(self, index: int, actor: Actor) -> None:
        self.index = index
        self.actor = actor
        self.scope = anyio.CancelScope(shield=True)
        self.is_up = anyio.Event()
        self.ended = anyio.Event()
        self.error: Exception | None = None
        self.stopping = False

    @property
    def has_fallen(self) -> bool:
        """By itself, and not while it was stopped."""
        return self.error is not None and not self.stopping

    def started(self, value: None = None) -> None:
        """The actor's `task_status.started()`."""
        self.is_up.set()


class Supervisor:
    """An actor made of actors: so trees nest.

    Raises TooManyRestarts, with the last fall as its cause, when the budget is used up; all children
    have been stopped by then. A child that returns is done and stays so.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[Actor],
        *,
        emit: Emit,
        clock: Clock,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        budget: Budget | None = None,
    ) -> None:
        self.name = name
        self._children = tuple(children)
        self._emit = emit
        self._clock = clock
        self._strategy = strategy
        self._budget = budget or Budget()
        self._falls: deque[float] = deque()
        self._lives: list[_Life | None] = [None] * len(self._children)
        self._fell = asyncio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        self._falls.clear()  # whoever restarts this supervisor gives it its whole budget again
        try:
            async with anyio.create_task_group() as group:
                try:
                    await self._start(range(len(self._children)), group)
                    task_status.started()
                    await self._mend_the_fallen(group)
                finally:
                    await _to_the_end(self._end(group))
        except BaseExceptionGroup as errors:
            error = _alone(errors)
            raise error from error.__cause__

    async def _mend_the_fallen(self, group: TaskGroup) -> None:
        while True:
            self._fell.clear()
            fallen = next((life for life in self._lives if life and life.has_fallen), None)
            if fallen is None:
                await self._fell.wait()
            else:
                await self._mend(fallen, group)

    async def _mend(self, fallen: _Life, group: TaskGroup) -> None:
        self._charge(fallen)
        last = len(self._children)
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                affected = range(fallen.index, fallen.index + 1)
            case Strategy.REST_FOR_ONE:
                affected = range(fallen.index, last)
            case Strategy.ONE_FOR_ALL:
                affected = range(last)
        await _to_the_end(self._stop(affected))
        await self._start(affected, group)

    async def _start(self, indices: range, group: TaskGroup) -> None:
        for index in indices:
            before = self._lives[index]
            while True:
                await checkpoint_if_cancelled()
                life = self._begin(index, group)
                await life.is_up.wait()
                if life.error is None:
                    break
                self._lives[index] = before
                self._charge(life)

    def _begin(self, index: int, group: TaskGroup) -> _Life:
        life = self._lives[index] = _Life(index, self._children[index])
        group.start_soon(self._live, life, name=f"{self.name}/{life.actor.name}")
        return life

    async def _live(self, life: _Life) -> None:
        try:
            with life.scope:
                try:
                    await life.actor.run(task_status=life)
                except (Exception, BaseExceptionGroup) as error:
                    life.error = _as_exception(error)
                except asyncio.CancelledError as error:
                    if life.stopping:
                        raise
                    # Nobody stops it: it has awaited something that somebody else cancelled. Let out,
                    # that would pass for a stop, and end the supervisor without a word.
                    life.error = StokerError("it was cancelled from inside")
                    life.error.__cause__ = error
                if life.error is not None:
                    self._tell(life, life.error)
        finally:
            life.is_up.set()  # a fall before it was up releases whoever waits for that
            life.ended.set()
            self._fell.set()

    def _tell(self, life: _Life, error: Exception) -> None:
        restarts = not life.stopping and self._recent_falls() < self._budget.restarts
        text = f"{type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        self._emit(ChildFell(self.name, life.actor.name, text, restarts, trace))

    async def _end(self, group: TaskGroup) -> None:
        for last in reversed(range(len(self._children))):
            for index in range(last + 1):
                life = self._lives[index]
                if life is not None and life.has_fallen:
                    self._begin(index, group)
            await self._stop(range(last, last + 1))

    async def _stop(self, indices: range) -> None:
        """One after the other, the last first. The fallen stay on the list, to be started anew."""
        for index in reversed(indices):
            life = self._lives[index]
            if life is not None and not life.has_fallen:
                life.stopping = True
                life.scope.cancel()
                await life.ended.wait()
                self._lives[index] = None

    def _charge(self, life: _Life) -> None:
        self._falls.append(self._clock.elapsed())
        falls = self._recent_falls()
        if falls > self._budget.restarts:
            raise TooManyRestarts(
                f"{self.name}: {falls} falls within {self._budget.within:g} s, "
                f"the last one of {life.actor.name}: {life.error}"
            ) from life.error

    def _recent_falls(self) -> int:
        start = self._clock.elapsed() - self._budget.within
        while self._falls and self._falls[0] < start:
            self._falls.popleft()
        return len(self._falls)


async def _to_the_end(call: Coroutine[Any, Any, None]) -> None:
    """Await this to its end, however often we are cancelled meanwhile, by a scope or natively."""
    task = asyncio.ensure_future(call)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


def _alone(error: BaseException) -> BaseException:
    """The only error inside nested groups; the group itself if there are several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _as_exception(error: BaseException) -> Exception:
    single = _alone(error)
    if isinstance(single, Exception):
        return single
    raise single
