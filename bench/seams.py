"""Counts the processor time of a thread between seams: which part of the code spent it.

A seam is a function that is wrapped: what passes between its call and its return is its part's, less
what further seams within took. The clock is the thread's own, so waiting, for a disk or for Python's
lock, costs nothing. A seam itself costs about a microsecond: that is measured first, and taken off.
"""

import inspect
import threading
import time
import types
from collections.abc import Callable, Generator
from typing import Any

import msgspec

_now = time.thread_time_ns
CALIBRATION = 20_000
_EMPTY = "empty"


class Spent(msgspec.Struct):
    """What one part has spent in one thread, in all."""

    thread: str
    part: str
    micros: float = 0.0
    """Microseconds, without what the seams themselves took."""
    calls: int = 0
    seams: float = 0.0
    """Microseconds that the seams of this part took, whosever they were before."""


class _Cost(msgspec.Struct, frozen=True):
    """Of one empty seam, in nanoseconds."""

    inside: int = 0
    """What it counts for itself."""
    outside: int = 0
    """What else it costs, which the seam around it counts."""


class _Frame:
    """One call of a seam that goes on; or what goes on in a thread outside of all seams."""

    __slots__ = ("begin", "inner")

    def __init__(self) -> None:
        self.inner = 0
        """Nanoseconds that are not this call's own: of seams within, and what those cost."""
        self.begin = _now()


class Seams:
    """The seams of a process, with what has passed between them."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, str], Spent] = {}
        self._local = threading.local()
        self._calls = self._awaits = _Cost()
        self._calls = self._measured(lambda empty: empty(), self.seam(lambda: None, _EMPTY))
        self._awaits = self._measured(_run, self._coroutine(_nothing, _EMPTY))
        self._spent.clear()

    def wrap(self, owner: Any, name: str, part: str) -> None:
        """Make a seam of this function of a module or a class. A coroutine that waits costs nothing."""
        function = inspect.getattr_static(owner, name)
        wrapped = self._coroutine if inspect.iscoroutinefunction(function) else self.seam
        setattr(owner, name, wrapped(function, part))

    def seam(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The same function, as a seam."""

        def seam(*args: Any, **kwargs: Any) -> Any:
            stack = self._enter()
            try:
                return function(*args, **kwargs)
            finally:
                self._leave(stack, part, self._calls)

        return seam

    def _coroutine(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        async def seam(*args: Any, **kwargs: Any) -> Any:
            return await self._steps(function(*args, **kwargs), part)

        return seam

    @types.coroutine
    def _steps(self, running: Any, part: str) -> Generator[Any, Any, Any]:
        """Each step between two waits is a call of its own."""
        step, given = running.send, None
        while True:
            stack = self._enter()
            try:
                waited_for = step(given)
            except StopIteration as end:
                return end.value
            finally:
                self._leave(stack, part, self._awaits)
            try:
                step, given = running.send, (yield waited_for)
            except BaseException as error:
                step, given = running.throw, error

    def spent(self) -> list[Spent]:
        return list(self._spent.values())

    def _enter(self) -> list[_Frame]:
        stack: list[_Frame] | None = getattr(self._local, "stack", None)
        if stack is None:
            self._local.name = threading.current_thread().name
            stack = self._local.stack = [_Frame()]
        stack.append(_Frame())
        return stack

    def _leave(self, stack: list[_Frame], part: str, cost: _Cost) -> None:
        frame = stack.pop()
        whole = _now() - frame.begin
        stack[-1].inner += whole + cost.outside
        key = self._local.name, part
        spent = self._spent.get(key) or self._spent.setdefault(key, Spent(*key))
        spent.calls += 1
        spent.micros += (whole - frame.inner - cost.inside) / 1000
        spent.seams += (cost.inside + cost.outside) / 1000

    def _measured(self, call: Callable[[Any], Any], empty: Callable[..., Any]) -> _Cost:
        key = threading.current_thread().name, _EMPTY
        self._spent.pop(key, None)
        begin = _now()
        for _ in range(CALIBRATION):
            call(empty)
        whole = (_now() - begin) / CALIBRATION
        inside = 1000 * self._spent[key].micros / CALIBRATION
        return _Cost(round(inside), round(whole - inside))


async def _nothing() -> None:
    pass


def _run(function: Callable[..., Any]) -> None:
    try:
        function().send(None)
    except StopIteration:
        return
