"""What happened, one small struct each. Metrics, logs, pages and tests watch; none can interfere."""

from collections.abc import Callable

import msgspec

from stoker.jobs.job import Claim, Settlement


class DaemonStarted(msgspec.Struct, frozen=True, gc=False):
    """A process of a daemon is about to work."""

    name: str
    broker: str
    """Its URL without a password."""
    mode: str
    """consumer, producer, parent (of worker processes) or worker (one of those)."""
    slots: int
    types: int
    """Handlers that it knows."""


class DaemonStopping(msgspec.Struct, frozen=True, gc=False):
    """It was told to stop, or to hurry with that."""

    name: str
    why: str
    running: int | None
    """Runs that go on; None where that is for others to say."""


class DaemonStopped(msgspec.Struct, frozen=True, gc=False):
    """It has drained and written its outcomes."""

    name: str


class JobsClaimed(msgspec.Struct, frozen=True, gc=False):
    lane: str
    count: int
    seconds: float


class RunStarted(msgspec.Struct, frozen=True, gc=False):
    claim: Claim


class RunEnded(msgspec.Struct, frozen=True, gc=False):
    """A run is over and its settlement on the way; it is not yet written."""

    claim: Claim
    settlement: Settlement
    outcome: str
    """completed, failed, timeout, snoozed, cancelled, skipped, released, unknown_type or crashed."""
    seconds: float


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A batch of settlements was written."""

    accepted: int
    already: int
    lost: int
    invalid: int
    seconds: float


class LeaseLost(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    where: str
    """renew, settle, report or self_fence."""


class CancelDelivered(msgspec.Struct, frozen=True, gc=False):
    id: str
    reason: str | None


class Promoted(msgspec.Struct, frozen=True, gc=False):
    promoted: int
    expired: int


class Swept(msgspec.Struct, frozen=True, gc=False):
    """Jobs of dead workers were taken back."""

    count: int
    ids: tuple[str, ...]


class SweepHeld(msgspec.Struct, frozen=True, gc=False):
    """The sweeper waits, so that an outage of the store is not taken for the death of everybody."""

    seconds: float
    why: str


class SlotsPassed(msgspec.Struct, frozen=True, gc=False):
    """Slots of a recurring job have come, and were dealt with by this process."""

    name: str
    type: str
    jobs: tuple[str, ...] = ()
    """Ids of those that were put in."""
    skipped: int = 0
    """Slots kept as skipped jobs."""
    missed: int = 0
    """Slots that came while nothing ran, and were not made up."""
    trouble: str | None = None


class Pruned(msgspec.Struct, frozen=True, gc=False):
    count: int


class StoreLost(msgspec.Struct, frozen=True, gc=False):
    """A call to the broker failed, and is tried again."""

    actor: str
    error: str
    retry_in: float


class StoreBack(msgspec.Struct, frozen=True, gc=False):
    actor: str
    after: float


class ChildFell(msgspec.Struct, frozen=True, gc=False):
    """An actor under a supervisor crashed."""

    supervisor: str
    child: str
    error: str
    """Type and message."""
    restarts: bool
    """It is started anew; not so in a stop, nor when the supervisor's budget is used up."""
    traceback: str = ""


class LoopStalled(msgspec.Struct, frozen=True, gc=False):
    """A handler blocked the event loop; the job is the one that ran last."""

    seconds: float
    id: str | None
    type: str | None
    stack: str


class ThreadStuck(msgspec.Struct, frozen=True, gc=False):
    """A thread did not end after its timeout or cancel; its process will drain and exit."""

    id: str
    type: str
    seconds: float


class ProcessEnded(msgspec.Struct, frozen=True, gc=False):
    """A child process of ours ended."""

    role: str
    """worker, isolated or solo."""
    pid: int
    code: int | None
    expected: bool
    detail: str = ""
    """How it ended, in words."""


class ResourceNotClosed(msgspec.Struct, frozen=True, gc=False):
    """A resource of the handlers failed to close when its process stopped."""

    error: str


class UnknownTypeReturned(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    delay: float


Event = (
    DaemonStarted
    | DaemonStopping
    | DaemonStopped
    | JobsClaimed
    | RunStarted
    | RunEnded
    | Settled
    | LeaseLost
    | CancelDelivered
    | Promoted
    | Swept
    | SweepHeld
    | SlotsPassed
    | Pruned
    | StoreLost
    | StoreBack
    | ChildFell
    | LoopStalled
    | ThreadStuck
    | ProcessEnded
    | ResourceNotClosed
    | UnknownTypeReturned
)

Emit = Callable[[Event], None]
