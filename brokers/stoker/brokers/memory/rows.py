"""Rows of recurring jobs: by id, in the order of their names, and as they become due."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import datetime

from stoker.jobs.recurring import Recurring


class Rows:
    """Sorted lists: a row moves all that is behind it, which is quick for many thousands."""

    def __init__(self) -> None:
        self._by_id: dict[str, Recurring] = {}
        self._ids: dict[str, str] = {}
        """By name."""
        self._names: list[str] = []
        self._due: list[tuple[datetime, str]] = []
        """When each is due, with its id; none of those that never are."""

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, id: str) -> Recurring | None:
        return self._by_id.get(id)

    def named(self, name: str) -> Recurring | None:
        id = self._ids.get(name)
        return None if id is None else self._by_id[id]

    def put(self, row: Recurring) -> None:
        """A new row, or one as it stands from now on."""
        before = self._by_id.get(row.id)
        if before is None:
            insort(self._names, row.name)
            self._ids[row.name] = row.id
        else:
            self._forget_due(before)
        self._by_id[row.id] = row
        if row.due_at is not None:
            insort(self._due, (row.due_at, row.id))

    def remove(self, id: str) -> None:
        """Take a row out that is in."""
        row = self._by_id.pop(id)
        self._forget_due(row)
        del self._ids[row.name]
        del self._names[bisect_right(self._names, row.name) - 1]

    def page(self, after: str | None, limit: int) -> Sequence[Recurring]:
        """At most so many, from the one behind this name on."""
        begin = 0 if after is None else bisect_right(self._names, after)
        return [self._by_id[self._ids[name]] for name in self._names[begin : begin + limit]]

    def due(self, now: datetime, limit: int) -> tuple[list[Recurring], datetime | None]:
        """At most so many that are due, the longest due first; and when the first of the others is."""
        first = self._due[: limit + 1]
        taken = [self._by_id[id] for at, id in first[:limit] if at <= now]
        return taken, first[len(taken)][0] if len(taken) < len(first) else None

    def _forget_due(self, row: Recurring) -> None:
        if row.due_at is not None:
            del self._due[bisect_right(self._due, (row.due_at, row.id)) - 1]
