"""A supervisor starts actors in order, stops them in reverse, and restarts the fallen.

Strategies and restart budgets are those of Erlang/OTP's supervisors. Two rules keep the order under
cancellation: each child runs shielded and is cancelled through its own scope, one after the other;
and no child is started by `TaskGroup.start()`, which hangs with a shielded child if the supervisor
is cancelled meanwhile.
"""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

import anyio
import msgspec
from anyio.abc import TaskGroup, TaskStatus

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

    def started(self, value: None = None) -> None:
        """The actor's `task_status.started()`."""
        self.is_up.set()


_Report = Callable[[_Life], None]


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

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        send, receive = anyio.create_memory_object_stream[_Life](len(self._children) * 4 + 16)
        try:
            async with send, receive, anyio.create_task_group() as group:
                try:
                    await self._start(range(len(self._children)), group, send.send_nowait)
                    task_status.started()
                    async for life in receive:
                        if life.error is not None and self._lives[life.index] is life:
                            await self._mend(life, group, send.send_nowait)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._stop(range(len(self._children)))
        except BaseExceptionGroup as error:
            raise _alone(error) from None

    async def _mend(self, fallen: _Life, group: TaskGroup, report: _Report) -> None:
        self._charge(fallen)
        last = len(self._children)
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                affected = range(fallen.index, fallen.index + 1)
            case Strategy.REST_FOR_ONE:
                affected = range(fallen.index, last)
            case Strategy.ONE_FOR_ALL:
                affected = range(last)
        with anyio.CancelScope(shield=True):
            await self._stop(affected)
        await self._start(affected, group, report)

    async def _start(self, indices: range, group: TaskGroup, report: _Report) -> None:
        for index in indices:
            while True:
                life = self._lives[index] = _Life(index, self._children[index])
                group.start_soon(self._live, life, report, name=f"{self.name}/{life.actor.name}")
                await life.is_up.wait()
                if life.error is None:
                    break
                self._lives[index] = None  # so that its report is not charged a second time
                self._charge(life)

    async def _live(self, life: _Life, report: _Report) -> None:
        try:
            with life.scope:
                try:
                    await life.actor.run(task_status=life)
                except (Exception, BaseExceptionGroup) as error:
                    life.error = _as_exception(error)
                    self._tell(life)
        finally:
            life.is_up.set()  # a fall before it was up releases whoever waits for that
            life.ended.set()
        if not life.stopping:
            report(life)

    def _tell(self, life: _Life) -> None:
        error = life.error
        self._emit(
            ChildFell(self.name, life.actor.name, f"{type(error).__name__}: {error}", not life.stopping)
        )

    async def _stop(self, indices: range) -> None:
        for index in reversed(indices):
            if (life := self._lives[index]) is not None:
                life.stopping = True
                life.scope.cancel()
                await life.ended.wait()
                self._lives[index] = None

    def _charge(self, life: _Life) -> None:
        now = self._clock.elapsed()
        self._falls.append(now)
        while self._falls[0] < now - self._budget.within:
            self._falls.popleft()
        if len(self._falls) > self._budget.restarts:
            raise TooManyRestarts(
                f"{self.name}: {len(self._falls)} falls within {self._budget.within:g} s, "
                f"the last one of {life.actor.name}: {life.error}"
            ) from life.error


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
