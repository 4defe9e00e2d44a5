"""The runs of this process: begun, interrupted, ended, drained. The only shared mutable thing."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

import anyio
from anyio.abc import TaskStatus

from stoker.daemon.logs.current_job import enter_job
from stoker.daemon.runs.concluding import conclude, told_of
from stoker.daemon.runs.draining import until_over
from stoker.daemon.runs.performing import Performer, interrupted
from stoker.daemon.runs.record import Interruption, Record
from stoker.daemon.supervision.mailbox import Mailbox
from stoker.handlers.collecting import AnyHandler
from stoker.jobs.clock import Clock
from stoker.jobs.events import Emit, LeaseLost, RunStarted, ThreadStuck
from stoker.jobs.job import Claim, Settlement
from stoker.jobs.outcome import Ending, Raised, Released

Letter = tuple[Record, Settlement]
Outbox = Mailbox[Letter]

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
        self.records: dict[str, Record] = {}
        """By job id: the active ones, and those whose settlement is on its way."""
        self.active_by_lane: dict[str, int] = {}
        self.doomed = asyncio.Event()
        """A run cannot be ended: this process must take no more, drain and exit."""
        self.abandoned = False
        """Something of a run still goes on after the drain: only a hard exit ends it."""
        self.hurried = asyncio.Event()
        self._active: set[Record] = set()
        """Also a run whose job has been claimed anew, and whose place in `records` is another's."""
        self._reserved = 0
        self._freed: dict[str, asyncio.Event] = {}
        """By lane, the one that took last at the end."""
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

    @property
    def active(self) -> int:
        """Runs whose outcome is not yet with the settler."""
        return len(self._active)

    def freed(self, lane: str) -> asyncio.Event:
        """Set whenever there may be more room for this lane than before."""
        return self._freed.setdefault(lane, asyncio.Event())

    def room(self) -> int:
        """How many more runs may begin now."""
        free = min(self.slots - len(self._active), 2 * self.slots - len(self.records))
        return free - self._reserved

    def reserve(self, lane: str, count: int) -> None:
        """Keep so much room for a claim that is under way; to be undone by `unreserve`.

        Of the lanes that wait for room, the one that took longest ago is the first to be told of it.
        """
        self._reserved += count
        self._freed[lane] = self._freed.pop(lane)

    def unreserve(self, count: int) -> None:
        self._reserved -= count
        self._wake()

    def begin(self, claims: Sequence[Claim], *, lane: str, claimed_at: float) -> None:
        """Start these runs, claimed by a call sent at `claimed_at` (`clock.elapsed()`)."""
        now = self._clock.elapsed()
        loop = asyncio.get_running_loop()
        handlers = self._performer.handlers
        safe_until = claimed_at + self._lease - self._margin
        for claim in claims:
            handler = handlers.get(claim.type)
            fence = None if handler is None else handler.options.self_fence
            record = Record(
                claim,
                handler,
                lane=lane,
                started=now,
                safe_until=safe_until,
                self_fence=self._self_fence if fence is None else fence,
                max_logs=self._max_logs,
                timeout=_timeout(claim, handler),
            )
            self._enter(record)
            self._active.add(record)
            record.task = loop.create_task(self._work(record), name=claim.id)
        self.active_by_lane[lane] = self.active_by_lane.get(lane, 0) + len(claims)

    def give_back(self, claims: Iterable[Claim], *, lane: str, reason: str) -> None:
        """Release jobs that were claimed and have not begun; no trace stays in their history."""
        for claim in claims:
            record = Record(claim, None, lane=lane)
            record.active = False
            self._enter(record)
            self._send(record, Released(reason, started=False))

    def interrupt(self, record: Record, kind: Interruption, reason: str | None) -> None:
        """Tell a run to end. The first reason stays, but a lost lease goes over all others."""
        if not record.active or record.interruption == kind:
            return
        if record.interruption is not None and kind != "lost":
            return  # it has been told; a second cancellation would only hit its clean-up
        record.interruption, record.reason = kind, reason
        if record.interrupted_at is None:
            record.interrupted_at = self._clock.elapsed()
        if record.context is not None:
            record.context._cancel(reason or kind)
        if record.begun and record.task is not None:
            # A task that is cancelled before its first step never makes it: `_work` looks then.
            record.task.cancel()

    def settled(self, records: Iterable[Record]) -> None:
        """The broker has answered for these runs' settlements: they need no renewal any longer."""
        for record in records:
            if self.records.get(record.claim.id) is record:
                del self.records[record.claim.id]
            # They refer to each other: only the garbage collector, which looks at everything, would
            # find that nobody else does.
            record.context = None
        self._wake()

    def _enter(self, record: Record) -> None:
        if (stale := self.records.get(record.claim.id)) is not None:
            self.interrupt(stale, "lost", "claimed anew")
        self.records[record.claim.id] = record

    async def _work(self, record: Record) -> None:
        ending: Ending | None
        try:
            if record.interruption is not None:
                ending = interrupted(record)
            else:
                record.begun = True
                enter_job(record.claim)
                if record.handler is not None:
                    self._emit(RunStarted(record.claim))
                ending = await self._performer.perform(record)
        except Exception as error:
            # Ours, not the handler's: what a handler raises is an ending by now.
            ending = Raised(f"internal error: {type(error).__name__}: {error}")
        self._end(record, ending)

    def _end(self, record: Record, ending: Ending | None) -> None:
        if not record.active:
            return  # abandoned at the drain; its outcome has been sent
        record.active = False
        self._active.discard(record)
        self.active_by_lane[record.lane] -= 1
        if ending is None:
            self.settled((record,))
        elif record.reporting:
            record.after_report = partial(self._send, record, ending)
        else:
            self._send(record, ending)
        self._wake()

    def _send(self, record: Record, ending: Ending) -> None:
        seconds = self._clock.elapsed() - record.started if record.begun else 0.0
        settlement = conclude(record, ending, worker=self._worker, seconds=seconds)
        self._outbox.put((record, settlement))
        event = told_of(record, ending, settlement, seconds)
        if event is not None:
            self._emit(event)

    def _wake(self) -> None:
        for event in self._freed.values():
            event.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        try:
            while True:
                await anyio.sleep(min(1.0, self._cancel_grace / 4 + 0.05))
                self.tick()
        except asyncio.CancelledError:  # a stop: after a mere fall the runs go on
            with anyio.CancelScope(shield=True):
                await self.drain()
            raise

    def tick(self) -> None:
        """Look for runs that do not end although they were told to: the process must go then.

        Also for those that nobody renews: if the keeper is gone, somebody else must fence them.
        """
        now = self._clock.elapsed()
        for record in self._active:
            unkept = record.interruption is None and now >= record.safe_until + self._margin / 3
            if unkept and record.self_fence:
                self._emit(LeaseLost(record.claim.id, record.claim.type, "self_fence"))
                self.interrupt(record, "fenced", "nobody has renewed its lease")
            if record.stuck or record.in_child:
                continue
            told_at = record.told_at()
            if told_at is not None and now - told_at > self._cancel_grace:
                record.stuck = True
                self._emit(ThreadStuck(record.claim.id, record.claim.type, now - record.started))
                self.doomed.set()

    async def drain(self) -> None:
        """Let runs end by themselves, then tell them to, then go on without them."""
        await self._until_over(self._shutdown_grace, hurried_grace=0.0)
        for record in list(self._active):
            self.interrupt(record, "shutdown", "shutdown")
        await self._until_over(self._cancel_grace, hurried_grace=HURRIED_GRACE)
        for record in list(self._active):
            self.abandoned = True
            self._end(record, interrupted(record))  # the end of the process is its end

    async def _until_over(self, grace: float, *, hurried_grace: float) -> None:
        def left() -> list[asyncio.Task[None]]:
            self.tick()
            return [r.task for r in self._active if r.task is not None and not r.stuck]

        await until_over(left, grace=grace, hurried=self.hurried, hurried_grace=hurried_grace)


def _timeout(claim: Claim, handler: AnyHandler | None) -> float | None:
    if claim.timeout is not None or handler is None:
        return claim.timeout
    return handler.options.timeout
