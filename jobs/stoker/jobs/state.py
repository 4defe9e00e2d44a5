"""The states a job can be in, and every move between them, as data."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a job stands. These words, and no others, reach users."""

    PENDING = "pending"
    """Waiting for its first run, or given back: ready, or delayed to its time."""
    RUNNING = "running"
    """Claimed by a worker whose lease lives."""
    RETRYING = "retrying"
    """Failed, and waiting for the next run."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def final(self) -> bool:
        """Whether only an explicit retry leads out of this state."""
        return self in FINAL


WAITING = frozenset({State.PENDING, State.RETRYING})
LIVE = WAITING | {State.RUNNING}
FINAL = frozenset(State) - LIVE

MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # a claim starts the run; a cancel ends it at once; `expires` passed ends it as skipped
        State.PENDING: frozenset({State.RUNNING, State.CANCELLED, State.SKIPPED}),
        # a settlement; pending is a release or a snooze
        State.RUNNING: FINAL | WAITING,
        State.RETRYING: frozenset({State.RUNNING, State.CANCELLED}),
        # an operator's retry
        **{state: frozenset({State.PENDING}) for state in FINAL},
    }
)
"""Each state with the states that one step may lead to. Brokers refuse every other move."""
