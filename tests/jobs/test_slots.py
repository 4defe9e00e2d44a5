from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stoker.jobs.recurring import Change, Recurring, Schedule, recurring_id
from stoker.jobs.slots import LONGEST_LOOK, LOOK, job_of, not_made, passed, slot_job

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


class Hourly:
    """Every full hour."""

    def after(self, instant: datetime) -> datetime | None:
        return instant.replace(minute=0, second=0, microsecond=0) + HOUR

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        slots = []
        while (slot := self.after(slots[-1] if slots else after)) is not None and slot <= until:
            slots.append(slot)
        return slots[-limit:]


class Never:
    def after(self, instant: datetime) -> datetime | None:
        return None

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        return []


def row(cursor: datetime = NOON, **changes: Any) -> Recurring:
    """A row whose slots up to the cursor are done; what is no field of it is one of its schedule."""
    names = set(Schedule.__struct_fields__)
    schedule = Schedule(
        type="clean", line="0 * * * *", **{key: changes[key] for key in names & changes.keys()}
    )
    fields: dict[str, Any] = {"planned": True, "next_at": cursor + HOUR, "revision": 7}
    fields |= {key: value for key, value in changes.items() if key not in names}
    return Recurring(
        id=recurring_id("clean", "default"),
        name="clean",
        declared=schedule,
        cursor=cursor,
        created_at=NOON,
        updated_at=NOON,
        **fields,
    )


def after(change: Change) -> Recurring:
    assert change.row is not None and change.row.revision == change.expected + 1
    return change.row


def slots_of(change: Change) -> list[datetime | None]:
    return [job.at for job in change.jobs]


def skipped_of(change: Change) -> list[datetime | None]:
    assert all(skip.reason == "overlap" for skip in change.skipped)
    return [skip.job.at for skip in change.skipped]


def test_a_slot_becomes_a_job_and_the_next_is_found() -> None:
    change = passed(row(), Hourly(), (), NOON + HOUR)
    assert (slots_of(change), change.expected) == ([NOON + HOUR], 7)
    new = after(change)
    assert (new.cursor, new.next_at, new.last_slot) == (NOON + HOUR, NOON + 2 * HOUR, NOON + HOUR)
    assert new.active == (change.jobs[0].id,) and new.last_job == change.jobs[0].id
    assert change.jobs[0].recurring_id == new.id


def test_what_is_new_is_planned_and_nothing_of_the_past_is_made() -> None:
    change = passed(row(planned=False, next_at=None), Hourly(), (), NOON + MINUTE)
    assert (change.jobs, after(change).next_at, after(change).planned) == ((), NOON + HOUR, True)


def test_what_never_comes_is_never_due() -> None:
    assert after(passed(row(planned=False), Never(), (), NOON)).due_at is None


def test_a_job_of_a_slot_is_always_the_same() -> None:
    assert slot_job(row(), NOON) == slot_job(row(), NOON)
    assert slot_job(row(), NOON).id != slot_job(row(), NOON + HOUR).id


def test_jitter_is_the_same_for_whoever_asks_and_never_too_much() -> None:
    jittered = row(jitter=60.0)
    slots = [NOON + number * HOUR for number in range(100)]
    waits = [(slot_job(jittered, slot).at or slot) - slot for slot in slots]
    assert all(timedelta(0) <= wait <= 60 * SECOND for wait in waits)
    assert max(waits) - min(waits) > 30 * SECOND
    assert [(slot_job(jittered, slot).at or slot) - slot for slot in slots] == waits


THREE = [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
LATE = NOON + 3 * HOUR + 30 * MINUTE


@pytest.mark.parametrize(
    ("catchup", "slots", "missed"), [("last", THREE[-1:], 2), ("skip", [], 3), ("all", THREE, 0)]
)
def test_after_three_hours_of_nothing_each_policy_does_its_own(
    catchup: str, slots: list[datetime], missed: int
) -> None:
    change = passed(row(catchup=catchup, overlap="allow"), Hourly(), (), LATE)
    assert slots_of(change) == slots
    new = after(change)
    assert (new.missed, new.cursor, new.next_at) == (missed, THREE[-1], NOON + 4 * HOUR)


def test_a_slot_that_is_seen_a_little_late_is_not_missed() -> None:
    change = passed(row(catchup="skip"), Hourly(), (), NOON + HOUR + 59 * SECOND)
    assert slots_of(change) == [NOON + HOUR]


def test_not_more_than_the_limit_is_made_up() -> None:
    change = passed(row(catchup="all", catchup_limit=2, overlap="allow"), Hourly(), (), LATE)
    assert (slots_of(change), after(change).missed) == (THREE[1:], 1)


def test_a_slot_is_skipped_while_an_earlier_job_is_live() -> None:
    change = passed(row(active=("a", "b")), Hourly(), {"b"}, NOON + HOUR)
    assert (change.jobs, skipped_of(change)) == ((), [NOON + HOUR])
    assert (after(change).active, after(change).next_at) == (("b",), NOON + 2 * HOUR)


def test_of_several_slots_the_first_runs_and_the_others_overlap_with_it() -> None:
    change = passed(row(catchup="all"), Hourly(), (), LATE)
    assert (slots_of(change), skipped_of(change)) == (THREE[:1], THREE[1:])


def test_overlapping_is_allowed_where_it_is_said() -> None:
    change = passed(row(overlap="allow"), Hourly(), (), NOON + HOUR)
    assert (slots_of(change), after(change).active) == ([NOON + HOUR], (change.jobs[0].id,))


def test_an_edit_that_forbids_overlapping_sees_the_job_before() -> None:
    allowed = after(passed(row(overlap="allow"), Hourly(), (), NOON + HOUR))
    forbidden = msgspec.structs.replace(
        allowed, edited=msgspec.structs.replace(allowed.declared, overlap="skip")
    )
    change = passed(forbidden, Hourly(), set(allowed.active), NOON + 2 * HOUR)
    assert (change.jobs, skipped_of(change)) == ((), [NOON + 2 * HOUR])


def test_a_slot_waits_for_the_earlier_job_where_that_is_said() -> None:
    queued = row(overlap="queue", active=("a",))
    change = passed(queued, Hourly(), {"a"}, NOON + HOUR)
    held = after(change)
    assert (change.jobs, change.skipped, held.held) == ((), (), True)
    assert (held.cursor, held.next_at) == (NOON, NOON + HOUR + LOOK)
    change = passed(held, Hourly(), (), NOON + HOUR + MINUTE)
    assert slots_of(change) == [NOON + HOUR]
    assert (after(change).held, after(change).next_at) == (False, NOON + 2 * HOUR)


def test_what_waits_long_is_looked_at_less_often() -> None:
    queued = row(overlap="queue", active=("a",))
    held = after(passed(queued, Hourly(), {"a"}, NOON + HOUR + 50 * MINUTE))
    assert held.next_at == NOON + HOUR + 50 * MINUTE + LONGEST_LOOK


@pytest.mark.parametrize(("catchup", "slots"), [("last", THREE[-1:]), ("skip", THREE[-1:])])
def test_of_several_that_wait_the_newest_is_left(catchup: str, slots: list[datetime]) -> None:
    held = row(overlap="queue", catchup=catchup, held=True, active=("a",))
    change = passed(held, Hourly(), (), LATE)
    assert (slots_of(change), after(change).missed, after(change).held) == (slots, 2, False)


def test_all_that_wait_run_one_after_the_other() -> None:
    standing = row(overlap="queue", catchup="all")
    seen: list[datetime | None] = []
    live: set[str] = set()
    for look in range(5):
        now = LATE + look * MINUTE
        change = passed(standing, Hourly(), live, now)
        standing = after(change)
        assert len(change.jobs) <= 1 and (not live or not change.jobs)
        seen += slots_of(change)
        live = {change.jobs[0].id} if change.jobs else set()
    assert seen == THREE
    assert (standing.held, standing.missed, standing.next_at) == (False, 0, NOON + 4 * HOUR)


def test_a_clock_that_is_set_back_makes_nothing_twice() -> None:
    change = passed(row(planned=False, next_at=None), Hourly(), (), NOON - 3 * HOUR)
    assert (change.jobs, after(change).cursor, after(change).next_at) == ((), NOON, NOON + HOUR)


def test_a_schedule_has_a_beginning_and_an_end() -> None:
    begins = row(planned=False, starts_at=THREE[1], ends_at=THREE[1])
    waiting = after(passed(begins, Hourly(), (), NOON))
    assert waiting.next_at == THREE[1]
    change = passed(waiting, Hourly(), (), LATE)
    assert (slots_of(change), after(change).next_at) == ([THREE[1]], None)


def test_what_was_off_for_a_while_goes_on_without_making_up() -> None:
    off = row(enabled=False, resumes_at=LATE, next_at=NOON + HOUR)
    change = passed(off, Hourly(), (), LATE)
    new = after(change)
    assert (change.jobs, new.enabled, new.resumes_at) == ((), True, None)
    assert (new.cursor, new.next_at) == (LATE, NOON + 4 * HOUR)


def test_a_slot_whose_job_cannot_be_made_is_said_and_does_not_stop_the_others() -> None:
    bad = row(priority=99)
    change = passed(bad, Hourly(), (), NOON + HOUR)
    assert change.jobs == ()
    assert after(change).trouble == "priority must lie between 0 and 9 (higher first), not 99"
    assert after(change).next_at == NOON + 2 * HOUR
    good = after(change)
    good = msgspec.structs.replace(good, declared=msgspec.structs.replace(good.declared, priority=5))
    assert after(passed(good, Hourly(), (), NOON + 2 * HOUR)).trouble is None


def test_a_job_that_was_not_put_in_is_kept_as_skipped() -> None:
    job = job_of(row(), slot_job(row(), NOON).id, None)
    change = not_made(row(), job, "unique")
    assert [(skip.job, skip.reason) for skip in change.skipped] == [(job, "unique")]
    assert after(change).revision == 8
