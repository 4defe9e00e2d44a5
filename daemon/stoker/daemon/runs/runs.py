"""The runs of this process: begun, interrupted, ended, drained. The only shared mutable thing."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta

import anyio
import msgspec
from anyio.abc import TaskStatus

from stoker.daemon.runs.performing import Performer, timed_out
from stoker.daemon.runs.record import Interruption, Record
from stoker.daemon.supervision.mailbox import Mailbox
from stoker.handlers.collecting import AnyHandler
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, RunEnded, RunStarted, ThreadStuck, UnknownTypeReturned
from stoker.jobs.job import Claim, Run, Settlement
from stoker.jobs.outcome import (
    Crashed,
    Done,
    Ending,
    Raised,
    Released,
    Skipped,
    Snoozed,
    Stopped,
    UnknownType,
    decide,
)
from stoker.jobs.retry import DEFAULT_RETRY
from stoker.jobs.state import State

Outbox = Mailbox[tuple[Record, Settlement]]

HURRIED_GRACE = 1.0
"""Seconds for clean-ups after a second signal."""


class Runs:
    """At most `slots` runs at once; at most as many again whose settlement is not yet acknowledged.

    Belongs to the root of the process and outlives every actor. As an actor (`run`) it only drains:
    it stands in the tree between those that stop sending work and those that write its outcomes.
    """

    name = "runs"

    def __init__(
        self,
        *,
        slots: int,
        performer: Performer,
        outbox: Outbox,
        emit: Emit,
        clock: Clock,
        worker: str,
        lease: float,
        margin: float,
        self_fence: bool,
        max_logs: int,
        shutdown_grace: float,
        cancel_grace: float,
    ) -> None:
        self.slots = slots
        self.active = 0
        """Runs whose outcome is not yet with the settler."""
        self.records: dict[str, Record] = {}
        """By job id: the active ones, and those whose settlement is on its way."""
        self.freed: list[asyncio.Event] = []
        """Set whenever there may be more room than before: one event for each lane."""
        self.active_by_lane: dict[str, int] = {}
        self.doomed = asyncio.Event()
        """A run cannot be ended: this process must take no more, drain and exit."""
        self.abandoned = False
        """Something of a run still goes on after the drain: only a hard exit ends it."""
        self.hurried = asyncio.Event()
        self._performer = performer
        self._outbox = outbox
        self._emit = emit
        self._clock = clock
        self._worker = worker
        self._lease = lease
        self._margin = margin
        self._self_fence = self_fence
        self._max_logs = max_logs
        self._shutdown_grace = shutdown_grace
        self._cancel_grace = cancel_grace
        self._idle = asyncio.Event()
        self._idle.set()

    def room(self) -> int:
        """How many more runs may begin now."""
        return min(self.slots - self.active, 2 * self.slots - len(self.records))

    def begin(self, claims: Sequence[Claim], *, lane: str, claimed_at: float) -> None:
        """Start these runs, claimed by a call sent at `claimed_at` (`clock.elapsed()`)."""
        now = self._clock.elapsed()
        loop = asyncio.get_running_loop()
        for claim in claims:
            handler = self._performer.handlers.get(claim.type)
            fence = None if handler is None else handler.options.self_fence
            record = Record(
                claim,
                handler,
                lane=lane,
                started=now,
                safe_until=claimed_at + self._lease - self._margin,
                self_fence=self._self_fence if fence is None else fence,
                max_logs=self._max_logs,
                timeout=_timeout(claim, handler),
            )
            if (stale := self.records.get(claim.id)) is not None:
                self.interrupt(stale, "lost", "claimed anew")
            self.records[claim.id] = record
            self.active += 1
            self.active_by_lane[lane] = self.active_by_lane.get(lane, 0) + 1
            record.task = loop.create_task(self._work(record), name=claim.id)
        if claims:
            self._idle.clear()

    def give_back(self, claims: Iterable[Claim], *, lane: str, reason: str) -> None:
        """Release jobs that were claimed and have not begun; no trace stays in their history."""
        for claim in claims:
            record = Record(
                claim, None, lane=lane, started=0, safe_until=0, self_fence=False, max_logs=0, timeout=None
            )
            record.active = False
            self.records[claim.id] = record
            self._send(record, Released(reason, started=False))

    def interrupt(self, record: Record, kind: Interruption, reason: str | None) -> None:
        """Tell a run to end. The first reason stays, but a lost lease goes over all others."""
        if not record.active or record.interruption == kind:
            return
        if record.interruption is None or kind == "lost":
            record.interruption, record.reason = kind, reason
        if record.interrupted_at is None:
            record.interrupted_at = self._clock.elapsed()
        if record.context is not None:
            record.context._cancel(reason or kind)
        if record.task is not None:
            record.task.cancel()

    def settled(self, record: Record) -> None:
        """The broker has answered for this run's settlement: it need not be renewed any longer."""
        if self.records.get(record.claim.id) is record:
            del self.records[record.claim.id]
        self._wake()

    async def _work(self, record: Record) -> None:
        if record.handler is not None:
            self._emit(RunStarted(record.claim))
        try:
            ending = await self._performer.perform(record)
        except Exception as error:
            # Ours, not the handler's: what a handler raises is an ending by now.
            ending = Raised(f"internal error: {type(error).__name__}: {error}")
        self._end(record, ending)

    def _end(self, record: Record, ending: Ending | None) -> None:
        if not record.active:
            return  # abandoned at the drain; its outcome has been sent
        record.active = False
        self.active -= 1
        self.active_by_lane[record.lane] -= 1
        if self.active == 0:
            self._idle.set()
        if ending is None:
            self.settled(record)
        elif record.reporting:
            record.after_report = lambda: self._send(record, ending)
        else:
            self._send(record, ending)
        self._wake()

    def _send(self, record: Record, ending: Ending) -> None:
        claim = record.claim
        seconds = self._clock.elapsed() - record.started if record.handler is not None else 0.0
        if record.interruption == "cancel":
            claim = _with_wish(claim, record.reason)
        run = Run(
            attempt=claim.attempts,
            started_at=claim.started_at,
            ended_at=claim.started_at + timedelta(seconds=seconds),
            worker=self._worker,
        )
        retry = DEFAULT_RETRY if record.handler is None else record.handler.options.retry
        settlement = decide(claim, ending, retry=retry, jitter=random.random, run=run)
        if record.has_news:
            settlement = _with_news(settlement, record)
        if isinstance(ending, UnknownType):
            self._emit(UnknownTypeReturned(claim.id, claim.type, settlement.delay))
        else:
            self._emit(RunEnded(claim, settlement, _outcome(ending, settlement), seconds))
        self._outbox.put((record, settlement))

    def _wake(self) -> None:
        for event in self.freed:
            event.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        try:
            while True:
                await anyio.sleep(min(1.0, self._cancel_grace / 4 + 0.05))
                self.tick()
        finally:
            with anyio.CancelScope(shield=True):
                await self.drain()

    def tick(self) -> None:
        """Look for runs that do not end although they were told to: the process must go then."""
        now = self._clock.elapsed()
        for record in list(self.records.values()):
            if not record.active or record.stuck or record.in_child:
                continue
            told = record.interrupted_at
            if told is None and record.timeout is not None:
                told = record.started + record.timeout
            if told is not None and now - told > self._cancel_grace:
                record.stuck = True
                self._emit(ThreadStuck(record.claim.id, record.claim.type, now - record.started))
                self.doomed.set()

    async def drain(self) -> None:
        """Let runs end by themselves, then tell them to, then go on without them."""
        await self._until_idle(self._shutdown_grace, hurried=0.0)
        for record in list(self.records.values()):
            self.interrupt(record, "shutdown", "shutdown")
        await self._until_idle(self._cancel_grace, hurried=HURRIED_GRACE)
        for record in list(self.records.values()):
            if record.active:
                self.abandoned = True
                self._end(record, _abandoned(record, self._clock.elapsed()))

    async def _until_idle(self, grace: float, *, hurried: float) -> None:
        with anyio.move_on_after(grace):
            async with anyio.create_task_group() as group:

                async def hurry() -> None:
                    await self.hurried.wait()
                    await anyio.sleep(hurried)
                    group.cancel_scope.cancel()

                group.start_soon(hurry)
                await self._only_stuck_are_left()
                group.cancel_scope.cancel()

    async def _only_stuck_are_left(self) -> None:
        while any(record.active and not record.stuck for record in self.records.values()):
            tasks = [r.task for r in self.records.values() if r.active and not r.stuck and r.task]
            await asyncio.wait(tasks, timeout=0.5)
            self.tick()


def _abandoned(record: Record, now: float) -> Ending:
    """What is written of a run that outlasts its process: the end of the process is its end."""
    if record.interruption == "cancel":
        return Stopped(record.reason)
    if record.timeout is not None and now >= record.started + record.timeout:
        return timed_out(record.timeout)
    return Released(record.reason or "shutdown")


def _timeout(claim: Claim, handler: AnyHandler | None) -> float | None:
    if claim.timeout is not None or handler is None:
        return claim.timeout
    return handler.options.timeout


def _with_wish(claim: Claim, reason: str | None) -> Claim:
    return msgspec.structs.replace(claim, cancel_requested=True, cancel_reason=reason)


def _with_news(settlement: Settlement, record: Record) -> Settlement:
    news = record.take_news()
    return msgspec.structs.replace(
        settlement,
        progress=news.progress,
        progress_message=news.progress_message,
        logs=news.logs,
        dropped_logs=news.dropped_logs,
    )


def _outcome(ending: Ending, settlement: Settlement) -> str:
    """The word for what became of the run, as it stands in events, logs and metrics."""
    match ending:
        case Raised(timed_out=True):
            return "timeout"
        case Raised():
            return "cancelled" if settlement.state is State.CANCELLED else "failed"
        case _:
            return _WORDS[type(ending)]


_WORDS: dict[type, str] = {
    Done: "completed",
    Snoozed: "snoozed",
    Stopped: "cancelled",
    Skipped: "skipped",
    Released: "released",
    UnknownType: "unknown_type",
    Crashed: "crashed",
}
