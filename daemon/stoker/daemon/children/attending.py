"""One run in a child, seen from the parent: what it says, how long it may take, how it is ended."""

import asyncio
import math
import signal
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from stoker.daemon.children.child import Child
from stoker.daemon.children.frames import (
    CancelRun,
    FromChild,
    Logged,
    News,
    NewsWanted,
    Progressed,
    RunBegan,
    RunEnded,
    StartRun,
    ending_in,
)
from stoker.daemon.runs.performing import timed_out
from stoker.handlers.context import Sink
from stoker.jobs.job import Claim, Report
from stoker.jobs.outcome import Crashed, Ending, Raised, Stopped

TERM_AT = 0.5
KILL_AT = 0.9
"""Parts of the cancel grace after which a run that was told to end is sent SIGTERM, and SIGKILL: so it
has ended when the grace has."""


class NewsSink(Sink, Protocol):
    """A sink that can give back what it has taken and not yet stored, as a `Record` can."""

    settled_in_child: bool
    """Set when a run has ended whose end `complete_in` has written."""

    def take_news(self) -> Report: ...


class Wish:
    """Somebody's wish that a run ends; one for each run."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.made: asyncio.Future[None] = loop.create_future()
        self.pressed: asyncio.Future[None] = loop.create_future()
        """Made again, and more urgently."""
        self.reason: str | None = None
        self.within = math.inf
        """Seconds that the run may take for it, where that is less than the cancel grace."""
        self.honoured = False
        """The run has ended because of it, and not by itself."""

    def make(self, reason: str | None, within: float = math.inf) -> None:
        """The first reason stays; the shortest time counts."""
        if not self.made.done():
            self.reason, self.within = reason, within
            self.made.set_result(None)
        elif within < self.within:
            self.within = within
            if not self.pressed.done():
                self.pressed.set_result(None)

    def honour(self) -> Stopped:
        """The ending of a run that has ended by this wish."""
        self.honoured = True
        return Stopped(self.reason)


class Attendant:
    """Attends one run. The child is its own for so long."""

    def __init__(
        self, child: Child, claim: Claim, number: int, *, sink: NewsSink, grace: float
    ) -> None:
        self._child = child
        self._claim = claim
        self._number = number
        self._sink = sink
        self._grace = grace
        self._began = False
        self._last: RunEnded | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def attend(self, timeout: float | None, wish: Wish) -> Ending | None:
        """The run's ending; None if the child was gone before the run began: nobody is to blame.

        `timeout` counts from now, in seconds. A run that is told to end has its cancel delivered
        inside at once; SIGTERM and SIGKILL follow within the grace if it goes on. When this returns,
        the run is over: it has said so, or its process is reaped.
        """
        child = self._child
        child.hear = self._hear
        child.ended.add_done_callback(self._child_ended)
        try:
            deadline = None if timeout is None else datetime.now(UTC) + timedelta(seconds=timeout)
            child.send(StartRun(self._number, self._claim, deadline))
            why = await self._until_over_or_enough(timeout, wish)
            if why is not None:
                await self._end(wish.reason if why == "wish" else why, wish)
            return self._ending(why, timeout, wish)
        except BaseException:
            child.kill()  # nobody would hear how it ends
            raise
        finally:
            child.ended.remove_done_callback(self._child_ended)
            child.hear = lambda frame: None

    def _hear(self, frame: FromChild) -> None:
        match frame:
            case Progressed(percent, message):
                self._sink.progress(self._claim, percent, message)
            case Logged(message, level):
                self._sink.log(self._claim, message, level)
            case NewsWanted(run) if run == self._number:
                self._child.send(News(self._sink.take_news()))
            case RunBegan(run) if run == self._number:
                self._began = True
            case RunEnded(run) if run == self._number:
                self._last = frame
                self._sink.settled_in_child = frame.settled_in
                self._is_over()
            case _:
                pass

    def _child_ended(self, _: "asyncio.Future[int]") -> None:
        self._is_over()

    def _is_over(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _until_over_or_enough(
        self, timeout: float | None, wish: Wish
    ) -> Literal["timeout", "wish"] | None:
        waited = {self._over, wish.made}
        await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._over.done():
            return None
        return "wish" if wish.made.done() else "timeout"

    async def _end(self, reason: str | None, wish: Wish) -> None:
        self._child.send(CancelRun(self._number, reason))
        await self._until_over(TERM_AT, wish)
        if not self._over.done():
            self._child.signal_group(signal.SIGTERM)
            await self._until_over(KILL_AT - TERM_AT, wish)
        if not self._over.done():
            self._child.kill()
            await asyncio.wait([self._over])

    async def _until_over(self, part: float, wish: Wish) -> None:
        """Wait for this part of the grace; begin anew if that becomes shorter meanwhile."""
        waited = {self._over} if wish.pressed.done() else {self._over, wish.pressed}
        grace = min(self._grace, wish.within)
        done, _ = await asyncio.wait(waited, timeout=grace * part, return_when=asyncio.FIRST_COMPLETED)
        if wish.pressed in done:
            await asyncio.wait([self._over], timeout=min(self._grace, wish.within) * part)

    def _ending(
        self, why: Literal["timeout", "wish"] | None, timeout: float | None, wish: Wish
    ) -> Ending | None:
        if why == "timeout" and timeout is not None:
            return timed_out(timeout)
        ending = None if self._last is None else ending_in(self._last)
        if why == "wish":
            # What it says of its own end counts, also when it was told to end.
            return wish.honour() if ending is None else ending
        if ending is not None:
            return ending
        if self._last is not None:
            return Raised("CancelledError: the handler was cancelled, though nobody wished it")
        if not self._began:
            return None
        return Crashed(True, f"its child process ended with {self._child.describe_end()}")
