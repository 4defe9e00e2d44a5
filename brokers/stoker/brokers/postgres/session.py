"""What a verb works with: something that runs a statement and gives its rows."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from stoker.brokers.notes import Notes
from stoker.brokers.postgres.statements import Statements

Rows = Sequence[tuple[Any, ...]]


class Session(Protocol):
    """A connection, for as long as one verb needs it. Verbs are functions of it.

    On a connection of the broker's own they run again from the start if the server chose theirs to give
    way to another, so they keep nothing but what they were given.
    """

    sql: Statements
    notes: Notes
    """What others may be told once it stands."""

    async def rows(self, statement: str, *values: object) -> Rows:
        """Run one statement. On the broker's own connections, outside `whole`, it stands at once."""
        ...

    @property
    def ahead(self) -> bool:
        """Whether `rows_ahead` can be had."""
        ...

    async def rows_ahead(self, statement: str, *values: object) -> Rows:
        """Run one that may commit without waiting for the disk, and then wait for the disk.

        Meanwhile others see it already, and what they do about it needs less time.
        """
        ...

    def whole(self) -> AbstractAsyncContextManager[None]:
        """Within, everything or nothing is written."""
        ...

    async def wait_at_most(self, milliseconds: int) -> None:
        """Within `whole`, for each lock. In a caller's transaction that is the caller's business."""
        ...
