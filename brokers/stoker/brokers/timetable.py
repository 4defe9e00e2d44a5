"""The part of the broker seam that keeps recurring jobs: rows, written whole, guarded by a revision."""

from collections.abc import Sequence
from typing import Protocol

from stoker.jobs.recurring import Change, Changed, RecurringPage


class Timetable(Protocol):
    """For schedulers, clients, pages and the command line.

    A row is read, decided about in plain code, and written back only if its revision still stands. So
    of any number of schedulers that see the same slot, one writes; the others learn that they are late.
    """

    async def recurring(
        self,
        *,
        ids: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RecurringPage:
        """Rows, by name. With ids or names, those of them that are there, whatever the limit."""
        ...

    async def recurring_count(self) -> int:
        """How many there are."""
        ...

    async def due(self, limit: int) -> RecurringPage:
        """At most `limit` rows whose `due_at` has come, earliest first, then by id; and when the next
        one's does.

        One look at an index, however many rows there are. A broker may give fewer than it is asked for.
        """
        ...

    async def change(self, changes: Sequence[Change]) -> list[Changed]:
        """Write rows whose revision stands, each with its jobs and skipped jobs in one atomic step.

        The jobs, all of the row's queue, go in as by `enqueue`: one whose id is known, or whose unique
        key is held, is answered with the one that stands. A skipped job is ended at once, with its
        reason, and holds no key; one whose id is known stays as it is. An `expected` of 0 writes a row
        if there is none of its id or name; a row that is there keeps both. Changes are made in their
        order, each seeing those before it, and nobody sees one that takes a row away without the one
        behind it: so a row can move to another id. In a cluster of servers it moves in steps, of which
        each leaves one row in force, and a look may miss it. Raises UniqueConflict
        (`on_conflict="error"`); then nothing of that change was written, and those before it may have
        been.
        """
        ...
