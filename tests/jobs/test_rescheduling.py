from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stoker.jobs.errors import RecurringOwned
from stoker.jobs.recurring import Change, Recurring, Schedule, recurring_id
from stoker.jobs.rescheduling import (
    KEPT,
    Declaration,
    added,
    declared,
    lapsed,
    removed,
    reverted,
    toggled,
)

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURLY = Schedule(type="clean", line="0 * * * *")
DAILY = Schedule(type="clean", line="0 0 * * *")


def by(version: str, schedule: Schedule = HOURLY, **changes: Any) -> Declaration:
    fields = {"name": "clean", "owner": "code", "service": "default", **changes}
    return Declaration(schedule=schedule, version=version, **fields)


def after(row: Recurring | None, changes: list[Change]) -> Recurring:
    """The row once these changes are written, each of which must fit what stands."""
    for change in changes:
        assert change.expected == (0 if row is None else row.revision)
        row = change.row
        assert row is None or row.revision == change.expected + 1
    assert row is not None
    return row


def client_row(schedule: Schedule = HOURLY) -> Recurring:
    return after(None, added(None, "clean", schedule, NOW))


def code_row(schedule: Schedule = HOURLY) -> Recurring:
    return after(None, declared(None, by("1", schedule), NOW))


def planned(row: Recurring) -> Recurring:
    """As the scheduler leaves it."""
    return msgspec.structs.replace(row, planned=True, next_at=NOW + HOUR)


def test_a_clients_schedule_counts_from_when_it_was_added() -> None:
    row = client_row()
    assert (row.owner, row.schedule, row.cursor, row.due_at) == ("client", HOURLY, NOW, NOW)
    assert row.id == recurring_id("clean", "default")


def test_adding_the_same_again_changes_nothing() -> None:
    assert added(client_row(), "clean", HOURLY, NOW + HOUR) == []


def test_adding_other_times_counts_from_now_on() -> None:
    row = after(client_row(), added(planned(client_row()), "clean", DAILY, NOW + HOUR))
    assert (row.schedule, row.cursor, row.due_at) == (DAILY, NOW + HOUR, NOW + HOUR)


def test_adding_other_arguments_loses_no_slot() -> None:
    before = planned(client_row())
    other = msgspec.structs.replace(HOURLY, payload=msgspec.Raw(b'{"a":1}'), priority=9)
    row = after(before, added(before, "clean", other, NOW + 10 * HOUR))
    assert (row.schedule, row.cursor, row.next_at) == (other, before.cursor, before.next_at)


def test_a_cursor_never_goes_back() -> None:
    row = after(client_row(), added(client_row(), "clean", DAILY, NOW - HOUR))
    assert row.cursor == NOW


def test_another_queue_makes_another_row_with_the_same_past() -> None:
    before = planned(client_row())
    moved = msgspec.structs.replace(HOURLY, queue="other")
    gone, new = added(before, "clean", moved, NOW + HOUR)
    assert (gone.id, gone.expected, gone.row) == (before.id, before.revision, None)
    assert new.row is not None and (new.expected, new.row.revision) == (0, before.revision + 1)
    assert new.id == new.row.id == recurring_id("clean", "other")
    assert (new.row.cursor, new.row.next_at) == (before.cursor, before.next_at)


def test_what_a_client_says_over_code_is_an_edit() -> None:
    row = after(code_row(), added(code_row(), "clean", DAILY, NOW + HOUR))
    assert (row.owner, row.declared, row.edited, row.schedule) == ("code", HOURLY, DAILY, DAILY)


def test_an_edit_survives_a_deploy_and_can_be_reverted() -> None:
    edited = after(code_row(), added(code_row(), "clean", DAILY, NOW))
    half = msgspec.structs.replace(HOURLY, line="*/30 * * * *")
    deployed = after(edited, declared(edited, by("2", half), NOW + HOUR))
    assert (deployed.schedule, deployed.declared) == (DAILY, half)
    row = after(deployed, reverted(deployed, NOW + HOUR))
    assert (row.schedule, row.edited, row.cursor) == (half, None, NOW + HOUR)
    assert reverted(row, NOW) == []


def test_saying_what_code_says_is_no_edit() -> None:
    edited = after(code_row(), added(code_row(), "clean", DAILY, NOW))
    assert after(edited, added(edited, "clean", HOURLY, NOW)).edited is None


def test_code_that_takes_a_clients_name_leaves_what_the_client_said() -> None:
    row = after(client_row(DAILY), declared(client_row(DAILY), by("1"), NOW))
    assert (row.owner, row.declared, row.schedule) == ("code", HOURLY, DAILY)


def test_a_declaration_is_repeated_for_its_time_of_being_seen_only() -> None:
    row = code_row()
    assert declared(row, by("1"), NOW + 30 * timedelta(seconds=1)) == []
    later = after(row, declared(row, by("1"), NOW + 2 * MINUTE))
    assert later.seen_at == NOW + 2 * MINUTE
    assert (later.cursor, later.updated_at, later.schedule) == (NOW, NOW, HOURLY)


def test_the_newest_version_wins_while_it_lives() -> None:
    row = code_row()
    row = after(row, declared(row, by("2", DAILY), NOW + MINUTE))
    assert (row.version, row.schedule) == ("2", DAILY)
    row = after(row, declared(row, by("1", HOURLY), NOW + 2 * MINUTE))
    assert (row.version, row.schedule) == ("2", DAILY)


def test_an_old_version_wins_once_the_newer_one_is_gone() -> None:
    row = code_row()
    row = after(row, declared(row, by("2", DAILY), NOW + MINUTE))
    row = after(row, declared(row, by("1", HOURLY), NOW + 10 * MINUTE))
    assert (row.version, row.schedule) == ("1", HOURLY)


def test_a_deploy_that_changes_nothing_loses_no_slot() -> None:
    before = planned(code_row())
    row = after(before, declared(before, by("2"), NOW + 10 * HOUR))
    assert (row.version, row.cursor, row.next_at) == ("2", before.cursor, before.next_at)


def test_configuration_goes_over_code() -> None:
    row = after(code_row(), declared(code_row(), by("1", DAILY, owner="config"), NOW + 2 * MINUTE))
    assert (row.owner, row.schedule) == ("config", DAILY)


def test_what_passes_while_it_is_off_is_not_made_up() -> None:
    row = planned(client_row())
    off = after(row, toggled(row, False, NOW))
    assert (off.enabled, off.due_at) == (False, None)
    on = after(off, toggled(off, True, NOW + 5 * HOUR))
    assert (on.enabled, on.cursor, on.due_at) == (True, NOW + 5 * HOUR, NOW + 5 * HOUR)


def test_what_is_off_for_a_while_is_due_when_that_is_over() -> None:
    row = client_row()
    off = after(row, toggled(row, False, NOW, NOW + HOUR))
    assert off.due_at == NOW + HOUR
    assert toggled(off, False, NOW, NOW + HOUR) == []
    assert after(off, toggled(off, False, NOW)).due_at is None


def test_switching_to_what_it_is_changes_nothing() -> None:
    assert toggled(client_row(), True, NOW) == []


def test_a_clients_row_is_removed_and_codes_is_not() -> None:
    (change,) = removed(client_row())
    assert (change.expected, change.row) == (1, None)
    with pytest.raises(RecurringOwned, match="the schedule 'clean' is declared by the code of service"):
        removed(code_row())


def test_rows_that_nobody_has_named_for_a_day_go() -> None:
    rows = [code_row(), client_row()]
    assert lapsed(rows, NOW + KEPT) == []
    assert [change.id for change in lapsed(rows, NOW + KEPT + MINUTE)] == [rows[0].id]
