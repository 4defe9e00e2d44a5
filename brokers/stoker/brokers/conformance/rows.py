"""Steps of the state machine that are about recurring jobs: rows, and the jobs that come with them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from stoker.brokers.conformance import drawing
from stoker.brokers.conformance.drawing import Draw
from stoker.brokers.conformance.given import Given
from stoker.brokers.conformance.pair import Pair, rows
from stoker.jobs.job import NewJob
from stoker.jobs.recurring import Change, Recurring, Skip, recurring_id


class RowSteps:
    """Of one example. `moment` gives the time so many steps ago."""

    def __init__(self, pair: Pair, given: Given, moment: Callable[[int], datetime]) -> None:
        self._pair = pair
        self._given = given
        self._moment = moment
        self._written: list[Recurring] = []
        """Every row as it was written, or tried to be."""
        self._standing: list[Recurring] = []

    def change(self, draw: Draw) -> None:
        """Write rows, take some away, with jobs; seldom with one, in all of them, that is known."""
        known = self._given.known(draw)
        changes = [self._one(draw, known) for _ in range(draw(drawing.change_counts))]
        self._written += [each.row for each in changes if each.row is not None]
        self._pair.both(lambda broker: broker.change(changes))
        self._standing = self._pair.both(lambda broker: rows(broker, len(self._written) + 1))

    def _one(self, draw: Draw, known: NewJob | None) -> Change:
        before = self._row(draw)
        if before is None:
            schedule, name = draw(drawing.schedules), draw(drawing.row_names)
            at = self._moment(0)
            before = Recurring(
                id=recurring_id(name, schedule.queue),
                name=name,
                declared=schedule,
                cursor=at,
                created_at=at,
                updated_at=at,
            )
        expected = max(0, before.revision + (draw(drawing.slips) if before.revision else 0))
        row = msgspec.structs.replace(
            before, revision=expected + 1, **self._times(draw), **draw(drawing.row_fields)
        )
        jobs = [_of(row, job) for job in self._given.new(draw, draw(drawing.job_counts))]
        if known is not None:
            jobs.append(_of(row, known))
        skips = draw(drawing.job_counts)
        skipped = tuple(Skip(job, draw(drawing.skip_reasons)) for job in jobs[:skips])
        removed = expected > 0 and draw(drawing.seldom)
        return Change(
            id=row.id,
            expected=expected,
            row=None if removed else row,
            jobs=tuple(jobs[skips:]),
            skipped=skipped,
        )

    def _row(self, draw: Draw) -> Recurring | None:
        """Mostly one that stands, or one as it once was; None for a new one."""
        pick = draw(drawing.picks)
        rows = self._standing if pick < drawing.ANY_FROM else self._written
        return rows[pick % len(rows)] if rows and pick % 3 else None

    def _times(self, draw: Draw) -> dict[str, Any]:
        fields = {"next_at": draw(drawing.due_in), "resumes_at": draw(drawing.due_in)}
        return {name: None if at is None else self._moment(-at) for name, at in fields.items()}

    def due(self, draw: Draw) -> None:
        limit = draw(drawing.limits)
        self._pair.both(lambda broker: broker.due(limit))

    def look(self, draw: Draw) -> None:
        """Page by page; and some by id and by name."""
        limit = draw(drawing.limits)
        self._pair.both(lambda broker: rows(broker, limit))
        ids = [
            self._written[pick % len(self._written)].id for pick in draw(drawing.some) if self._written
        ]
        names = [draw(drawing.row_names), "nobody"]
        self._pair.both(lambda broker: broker.recurring(ids=[*ids, "unknown"], names=names))
        self._pair.both(lambda broker: broker.recurring_count())


def _of(row: Recurring, job: NewJob) -> NewJob:
    """A job as schedulers make it: nobody could be told that a key was taken."""
    unique = job.unique
    if unique is not None and unique.on_conflict == "error":
        unique = msgspec.structs.replace(unique, on_conflict="existing")
    return msgspec.structs.replace(job, recurring_id=row.id, unique=unique)
