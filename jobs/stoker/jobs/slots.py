"""What becomes of a recurring job whose time has come: pure, a row in, a change out."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from stoker.jobs.errors import InvalidJob
from stoker.jobs.ids import derived_id
from stoker.jobs.job import NewJob
from stoker.jobs.limits import check
from stoker.jobs.recurring import Change, Recurring, Schedule, Skip
from stoker.jobs.rescheduling import toggled

GRACE = timedelta(seconds=60)
"""With `catchup="skip"` a slot is missed if it is seen later than this."""
LOOK = timedelta(seconds=2)
"""How soon a held slot is looked at again; later, the longer it has waited."""
LONGEST_LOOK = timedelta(seconds=30)
MOST_ACTIVE = 100
"""Jobs of a row that are looked at, at most, to see whether they have ended."""
TROUBLE_LOOK = timedelta(minutes=1)
"""How soon a row is looked at again whose line could not be read."""


class Times(Protocol):
    """When a line comes, in UTC. See `stoker.jobs.calendar`."""

    def after(self, instant: datetime) -> datetime | None:
        """The first slot later than this instant; None if none ever comes."""
        ...

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest slots later than `after` and not later than `until`, ascending."""
        ...


def passed(row: Recurring, times: Times, live: Collection[str], now: datetime) -> Change:
    """What is to be written of a row that is due: the jobs of its slots, and when it is due again.

    `live` are those of its `active` jobs that have not ended; of the slots since its cursor, `catchup`
    says which count, and `overlap` what each of them becomes.
    """
    if not row.enabled:
        return _woken(row, times, now)
    slots = _counting(row, times, now)  # none if a clock was set back: what has been is not done again
    if not slots:
        return _next(row, times, row.cursor)
    return _fired(row, times, slots, [id for id in row.active if id in live], now)


def slot_job(row: Recurring, slot: datetime) -> NewJob:
    """The job of this slot, always the same. Raises InvalidJob if none can be made."""
    schedule = row.schedule
    id = derived_id(schedule.queue, row.id, slot.timestamp())
    at = slot + timedelta(seconds=_share(id) * schedule.jitter)
    return job_of(row, id, at)


def job_of(row: Recurring, id: str, at: datetime | None) -> NewJob:
    """A job as this row asks for, with this id; at once without a time. Raises InvalidJob."""
    schedule = row.schedule
    unique = schedule.unique
    if unique is not None and unique.on_conflict == "error":
        unique = msgspec.structs.replace(unique, on_conflict="existing")
    job = NewJob(
        id=id,
        type=schedule.type,
        queue=schedule.queue,
        priority=schedule.priority,
        payload=bytes(schedule.payload),
        max_attempts=schedule.max_attempts,
        timeout=schedule.timeout,
        at=at,
        expires=schedule.expires,
        tags=schedule.tags,
        unique=unique,
        recurring_id=row.id,
    )
    check(job)
    return job


def fired(row: Recurring, job: NewJob) -> Change:
    """A job outside the slots, because somebody asks for one now."""
    active = _active(row, row.active, [job.id])
    new = msgspec.structs.replace(row, revision=row.revision + 1, active=active, last_job=job.id)
    return Change(id=row.id, expected=row.revision, row=new, jobs=(job,))


def coming(row: Recurring, times: Times, now: datetime, count: int) -> list[datetime]:
    """Its next slots, as far as there are any."""
    found: list[datetime] = []
    at = max(now, _begin(row))
    ends_at = row.schedule.ends_at
    while len(found) < count:
        slot = times.after(at)
        if slot is None or (ends_at is not None and slot > ends_at):
            break
        found.append(slot)
        at = slot
    return found


def not_made(row: Recurring, job: NewJob, reason: str) -> Change:
    """A slot whose job could not be put in, because its unique key is taken, is kept as skipped."""
    new = msgspec.structs.replace(row, revision=row.revision + 1)
    return Change(id=row.id, expected=row.revision, row=new, skipped=(Skip(job, reason),))


def troubled(row: Recurring, trouble: str, now: datetime) -> Change:
    """Its line cannot be read here: that is said; its slots wait for somebody who can, or an edit."""
    new = msgspec.structs.replace(
        row, revision=row.revision + 1, planned=True, next_at=now + TROUBLE_LOOK, trouble=trouble
    )
    return Change(id=row.id, expected=row.revision, row=new)


def _begin(row: Recurring) -> datetime:
    """Slots later than this are this row's."""
    starts_at = row.schedule.starts_at
    return row.cursor if starts_at is None else max(row.cursor, starts_at - timedelta(microseconds=1))


def _counting(row: Recurring, times: Times, now: datetime) -> list[datetime]:
    """The newest slots since the cursor: as many as may count, and one to tell that some do not."""
    schedule = row.schedule
    until = now if schedule.ends_at is None else min(now, schedule.ends_at)
    begin = _begin(row)
    return times.between(begin, until, schedule.catchup_limit + 1) if begin < until else []


def _fired(
    row: Recurring, times: Times, slots: list[datetime], live: list[str], now: datetime
) -> Change:
    schedule = row.schedule
    chosen = _chosen(schedule, slots, now, row.held)
    missed = len(slots) - len(chosen)
    if schedule.overlap == "queue" and chosen:
        if live:
            return _held(row, live, chosen[0], now)
        rest = slots[slots.index(chosen[0]) + 1 :]
        made = _made(row, chosen[:1], [], live)
        change = _next(row, times, chosen[0], missed=missed, **made)
        return _held_behind(change, now) if rest else change
    if schedule.overlap == "skip" and chosen:
        first, later = ([], chosen) if live else (chosen[:1], chosen[1:])
    else:
        first, later = chosen, []
    made = _made(row, first, later, live)
    return _next(row, times, slots[-1], missed=missed, **made)


def _chosen(schedule: Schedule, slots: list[datetime], now: datetime, held: bool) -> list[datetime]:
    """Which of the slots since the last look are not lost."""
    if schedule.catchup == "all":
        return slots[-schedule.catchup_limit :]
    if schedule.catchup == "skip" and not held and now - slots[-1] > GRACE:
        return []
    return slots[-1:]


def _made(row: Recurring, run: list[datetime], skip: list[datetime], live: list[str]) -> dict[str, Any]:
    """Fields of the row, and the jobs, of slots that run and of slots that are skipped."""
    made: dict[str, Any] = {"jobs": [], "skipped": [], "trouble": None}
    for slot in sorted((*run, *skip)):
        made["last_slot"] = slot
        try:
            job = slot_job(row, slot)
        except InvalidJob as error:
            made["trouble"] = str(error)
            continue
        if slot in run:
            made["jobs"].append(job)
            made["last_job"] = job.id
        else:
            made["skipped"].append(Skip(job, "overlap"))
    made["active"] = _active(row, live, [job.id for job in made["jobs"]])
    return made


def _active(row: Recurring, live: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """What a later slot may have to wait for; with overlapping allowed, after an edit, its last job."""
    if row.schedule.overlap == "allow":
        return (*row.active, *new)[-1:]
    return (*live, *new)[-MOST_ACTIVE:]


def _next(row: Recurring, times: Times, since: datetime, *, missed: int = 0, **made: Any) -> Change:
    """The row with its cursor at `since`, due at the next slot."""
    jobs, skipped = made.pop("jobs", ()), made.pop("skipped", ())
    cursor = max(row.cursor, since)
    ends_at = row.schedule.ends_at
    next_at = times.after(max(cursor, _begin(row)))
    if next_at is not None and ends_at is not None and next_at > ends_at:
        next_at = None
    new = msgspec.structs.replace(
        row,
        revision=row.revision + 1,
        cursor=cursor,
        planned=True,
        next_at=next_at,
        held=False,
        missed=row.missed + missed,
        **made,
    )
    return Change(id=row.id, expected=row.revision, row=new, jobs=tuple(jobs), skipped=tuple(skipped))


def _held(row: Recurring, live: list[str], slot: datetime, now: datetime) -> Change:
    """Its slot waits for an earlier job: nothing is written but when to look again."""
    look = min(LONGEST_LOOK, max(LOOK, (now - slot) / 10))
    new = msgspec.structs.replace(
        row,
        revision=row.revision + 1,
        planned=True,
        next_at=now + look,
        held=True,
        active=tuple(live),
    )
    return Change(id=row.id, expected=row.revision, row=new)


def _held_behind(change: Change, now: datetime) -> Change:
    """One of its slots has become a job; the next waits for that one."""
    assert change.row is not None
    row = msgspec.structs.replace(change.row, held=True, next_at=now + LOOK)
    return msgspec.structs.replace(change, row=row)


def _woken(row: Recurring, times: Times, now: datetime) -> Change:
    """It was off for a while, and that is over."""
    (change,) = toggled(row, True, now)
    assert change.row is not None
    on = msgspec.structs.replace(change.row, revision=row.revision)
    return _next(on, times, on.cursor)


def _share(id: str) -> float:
    """Some number from 0 to 1, always the same for one id."""
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest(), "big") / 2**64
