"""What a store was told about leases and ends, as each kind of store writes it down in its own way."""

from collections import defaultdict

import msgspec

Claim = tuple[str, str]
"""The job, and the token; jobs that were claimed together have the same."""


class Held(msgspec.Struct):
    """What the ledger says of one claim."""

    leases: list[int] = []
    """Until when it was good: as it was claimed, then as it was renewed; nanoseconds since the boot."""
    given_up: str | None = None
    """The state that its own settlement brought about; None if it was taken from it, or holds."""

    @property
    def lease_until(self) -> int:
        """The latest that was ever written."""
        return max(self.leases, default=0)


class Ledger:
    """What became of each claim, as the store wrote it down."""

    def __init__(self) -> None:
        self.claims: dict[Claim, Held] = defaultdict(Held)
        self.completed: dict[str, list[str]] = defaultdict(list)
        """By job, the tokens that completed it."""

    def leased(self, job: str, token: str, until: int) -> None:
        """A claim, or its renewal; `until` in nanoseconds since the boot."""
        self.claims[job, token].leases.append(until)

    def given_up(self, job: str, token: str, state: str) -> None:
        """A settlement of the claim, which brought this state about."""
        self.claims[job, token].given_up = state
        if state == "completed":
            self.completed[job].append(token)
