"""All that a memory broker keeps, and the one way in which a job moves from one place to another."""

from stoker.brokers.instant import Instant
from stoker.brokers.memory.keys import Keys, Tombstones
from stoker.brokers.memory.lazy_heap import LazyHeap
from stoker.brokers.memory.listing import Listing
from stoker.brokers.memory.queues import Queues
from stoker.brokers.memory.record import Record
from stoker.brokers.memory.rows import Rows
from stoker.brokers.notes import Notes
from stoker.jobs.operating import TypeInfo, Worker
from stoker.jobs.state import FINAL, State

_PENDING, _RETRYING, _RUNNING = State.PENDING, State.RETRYING, State.RUNNING


class Store:
    """Jobs with every index over them. Verbs are functions of it, under the broker's lock.

    A job changes in three steps: `lift` takes it out of the indexes, the verb changes its record, and
    `place` puts it where its state belongs, counts it and notes what others may be told.
    """

    def __init__(self, keep_lines: int) -> None:
        self.keep_lines = keep_lines
        """Log lines that are kept of a job."""
        self.jobs: dict[str, Record] = {}
        self.queues = Queues()
        self.delayed = LazyHeap()
        self.expiring = LazyHeap()
        """Waiting jobs that have never run and may expire."""
        self.leases = LazyHeap()
        """Running jobs, by a time that is not later than the end of their lease: a renewal changes
        nothing here, and `reclaim` puts back what has been renewed."""
        self.ended = {str(state): LazyHeap() for state in FINAL}
        """By state, the one that ended first before the others."""
        self.listing = Listing()
        self.keys = Keys()
        self.tombstones = Tombstones()
        self.workers: dict[str, Worker] = {}
        self.types: dict[str, TypeInfo] = {}
        self.recurring = Rows()
        self.notes = Notes()
        self._last_seq = 0

    def add(self, record: Record) -> None:
        """Take a new job in."""
        self._last_seq += 1
        record.seq = self._last_seq
        self.jobs[record.id] = record
        self.queues.ensure(record.queue)
        self.listing.add(record)
        self.place(record)

    def remove(self, record: Record) -> None:
        """Let a job go for good."""
        self.lift(record)
        self.listing.remove(record)
        del self.jobs[record.id]

    def lift(self, record: Record) -> None:
        """Take a job out of wherever its state has put it."""
        self.queues[record.queue].counts[record.counted] -= 1
        self.listing.count(record, -1)
        if record.entry:
            if record.ready:
                self.queues.discard(record)
            else:
                self._heap_of(record).discard(record.entry)
            record.entry = 0
        if record.expiry_entry:
            self.expiring.discard(record.expiry_entry)
            record.expiry_entry = 0

    def place(self, record: Record) -> None:
        """Put a job where its state belongs."""
        state = record.state
        if state is _RUNNING:
            record.counted = "running"
            record.entry = self.leases.push(record.lease_until, record)
        elif state is _PENDING or state is _RETRYING:
            self._place_waiting(record)
        else:
            record.counted = str(state)
            assert record.completed_at is not None
            record.entry = self.ended[record.counted].push(record.completed_at, record)
            self.notes.settled.append(record.id)
        self.queues[record.queue].counts[record.counted] += 1
        self.listing.count(record, 1)

    def _place_waiting(self, record: Record) -> None:
        if record.state is _RETRYING:
            record.counted = "retrying"
        else:
            record.counted = "ready" if record.ready else "delayed"
        if record.ready:
            self.queues.push(record)
            self.notes.ready.add(record.queue)
        else:
            record.entry = self.delayed.push(record.scheduled_at, record)
        if record.expires_at is not None and record.started_at is None:
            record.expiry_entry = self.expiring.push(record.expires_at, record)

    def _heap_of(self, record: Record) -> LazyHeap:
        """Where a job is that is not ready."""
        if record.state is _RUNNING:
            return self.leases
        return self.ended[record.counted] if record.completed_at is not None else self.delayed

    def end_waiting(self, record: Record, state: State, reason: str | None, now: Instant) -> None:
        """A job that has not been started, or not again, is final."""
        self.lift(record)
        record.state = state
        record.reason = reason
        record.ready = False
        record.completed_at = now.wall
        self.keys.release(record)
        self.place(record)
