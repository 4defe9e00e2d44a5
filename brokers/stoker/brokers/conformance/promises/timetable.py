"""Recurring jobs as rows: kept as they were written, changed if their revision stands, due in time."""

from datetime import timedelta
from typing import ClassVar

import anyio
import msgspec

from stoker.brokers.conformance.making import counts_of
from stoker.brokers.conformance.scheduling import (
    HOUR,
    PAST,
    after,
    new_row,
    put,
    rows_of,
    slot_job,
    written,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding
from stoker.jobs.recurring import Change, Changed, Recurring, Schedule, Seen, Skip, recurring_id


class TimetablePromises:
    seen_while_moving: ClassVar = frozenset({1})
    """How many rows of its name a look may find. A store of several servers adds 0: a look at all of
    them is none at one moment."""

    async def test_at_first_there_is_nothing(self, broker: Broker) -> None:
        page = await broker.recurring()
        assert (page.items, page.next_cursor, await broker.recurring_count()) == ((), None, 0)
        assert (await broker.due(10)).items == ()
        assert (await broker.due(10)).next_due is None

    async def test_a_row_is_kept_as_it_was_written(self, broker: Broker, second: Broker) -> None:
        schedule = Schedule(
            type="mail.send",
            line="0 0 8 * * mon",
            timezone="Europe/Vienna",
            queue="mail",
            priority=9,
            payload=msgspec.Raw(b'{"to":"\xc3\xa4@example.org"}'),
            max_attempts=2,
            timeout=1.5,
            expires=60.0,
            tags=("a", "ä"),
            unique=Holding("k", 60.0),
            overlap="queue",
            catchup="all",
            catchup_limit=7,
            jitter=30.0,
            starts_at=PAST,
            ends_at=PAST + HOUR,
        )
        seen = Seen(PAST, PAST + HOUR)
        row = Recurring(
            id=recurring_id("Ämter", "mail"),
            name="Ämter",
            owner="config",
            service="billing",
            declared=schedule,
            edited=msgspec.structs.replace(schedule, line="never"),
            version="1.2",
            versions={"1.2": seen},
            enabled=False,
            resumes_at=PAST + HOUR,
            cursor=PAST + timedelta(microseconds=1),
            planned=True,
            next_at=PAST + HOUR,
            held=True,
            active=("one", "two"),
            last_job="two",
            last_slot=PAST,
            missed=3,
            trouble="no",
            created_at=PAST,
            updated_at=PAST,
            revision=1,
        )
        await put(broker, row)
        assert await rows_of(second) == [row]

    async def test_a_row_is_found_by_id_and_by_name(self, broker: Broker) -> None:
        rows = [new_row(name) for name in "abcd"]
        await put(broker, *rows)
        by_id = await broker.recurring(ids=[rows[2].id, "unknown", rows[0].id])
        assert by_id.items == (rows[0], rows[2])
        by_name = await broker.recurring(names=["d", "nobody", "b", "nul \0"])
        assert by_name.items == (rows[1], rows[3])
        assert (await broker.recurring(names=[])).items == ()

    async def test_pages_are_by_name_and_go_on_after_the_last(self, broker: Broker) -> None:
        await put(broker, *(new_row(name) for name in ["c", "a", "é", "b", "Z"]))
        names: list[str] = []
        cursor = None
        while True:
            page = await broker.recurring(limit=2, cursor=cursor)
            assert len(page.items) <= 2
            names += [row.name for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert names == ["Z", "a", "b", "c", "é"]
        assert await broker.recurring_count() == 5

    async def test_a_page_says_the_stores_time(self, broker: Broker, offset: Offset) -> None:
        before = (await broker.recurring()).now
        offset.advance(1000)
        assert timedelta(seconds=1000) <= (await broker.due(1)).now - before < timedelta(seconds=1100)

    async def test_no_changes_are_no_changes(self, broker: Broker) -> None:
        assert await broker.change([]) == []

    async def test_a_change_whose_revision_does_not_stand_writes_nothing(self, broker: Broker) -> None:
        row = new_row()
        await put(broker, row)
        await put(broker, after(row, missed=1))
        late = after(row, missed=2)
        job = slot_job(row, PAST)
        skip = Skip(slot_job(row, PAST + HOUR), "overlap")
        assert await broker.change([written(late, job, skipped=(skip,))]) == [Changed(False)]
        assert [each.missed for each in await rows_of(broker)] == [1]
        assert await broker.get([job.id, skip.job.id]) == [None, None]

    async def test_a_row_that_is_there_is_not_new(self, broker: Broker) -> None:
        row = new_row()
        await put(broker, row)
        assert await broker.change([written(row, slot_job(row, PAST))]) == [Changed(False)]
        assert (await counts_of(broker, "q")).total == 0

    async def test_a_name_is_given_once(self, broker: Broker) -> None:
        await put(broker, new_row("same", queue="one"))
        assert await broker.change([written(new_row("same", queue="two"))]) == [Changed(False)]
        assert await broker.recurring_count() == 1

    async def test_a_change_of_what_is_not_there_writes_nothing(self, broker: Broker) -> None:
        assert await broker.change([written(after(new_row()))]) == [Changed(False)]
        assert await rows_of(broker) == []

    async def test_a_row_is_taken_away(self, broker: Broker) -> None:
        row, other = new_row("a"), new_row("b")
        await put(broker, row, other)
        assert await broker.change([Change(id=row.id, expected=1, row=None)]) == [Changed(True)]
        assert await rows_of(broker) == [other]
        assert (await broker.due(10)).items == (other,)
        await put(broker, row)  # its name is free again

    async def test_a_row_that_is_not_there_cannot_be_taken_away(self, broker: Broker) -> None:
        row = new_row()
        for expected in (0, 1):
            gone = Change(id=row.id, expected=expected, row=None)
            assert await broker.change([gone]) == [Changed(False)]
        await put(broker, row)
        assert await broker.change([Change(id=row.id, expected=0, row=None)]) == [Changed(False)]
        assert await rows_of(broker) == [row]

    async def test_a_row_that_moves_is_always_there_once(self, broker: Broker, second: Broker) -> None:
        rows = [new_row("same", queue=queue) for queue in ("one", "two")]
        await put(broker, rows[0])
        seen: list[list[Recurring]] = []
        async with anyio.create_task_group() as group:

            async def look() -> None:
                while True:
                    seen.append(await rows_of(second))

            group.start_soon(look)
            for number in range(40):
                before, behind = rows[number % 2], rows[1 - number % 2]
                gone = Change(id=before.id, expected=1, row=None)
                assert await broker.change([gone, written(behind)]) == [Changed(True)] * 2
            group.cancel_scope.cancel()
        assert {len(each) for each in seen} <= self.seen_while_moving

    async def test_one_change_that_comes_late_does_not_keep_the_others(self, broker: Broker) -> None:
        rows = [new_row(name) for name in "abc"]
        await put(broker, *rows)
        await put(broker, after(rows[1]))
        changed = await broker.change([written(after(row, missed=1)) for row in rows])
        assert [each.accepted for each in changed] == [True, False, True]
        assert [row.missed for row in await rows_of(broker)] == [1, 0, 1]


class DuePromises:
    async def test_what_is_due_comes_earliest_first(self, broker: Broker) -> None:
        times = {"b": PAST + HOUR, "c": PAST, "a": PAST + 2 * HOUR}
        await put(broker, *(new_row(name, next_at=at) for name, at in times.items()))
        assert [row.name for row in (await broker.due(10)).items] == ["c", "b", "a"]
        assert [row.name for row in (await broker.due(2)).items] == ["c", "b"]

    async def test_what_is_due_at_once_comes_by_id(self, broker: Broker) -> None:
        rows = [new_row(name) for name in "abcdef"]
        await put(broker, *rows)
        ids = sorted(row.id for row in rows)
        assert [row.id for row in (await broker.due(10)).items] == ids
        assert [row.id for row in (await broker.due(2)).items] == ids[:2]

    async def test_what_is_due_later_is_not_yet(self, broker: Broker, offset: Offset) -> None:
        now = (await broker.due(1)).now
        later, latest = now + HOUR, now + 3 * HOUR
        await put(broker, new_row("later", next_at=later), new_row("latest", next_at=latest))
        page = await broker.due(10)
        assert (page.items, page.next_due) == ((), later)
        offset.advance(3600)
        page = await broker.due(10)
        assert ([row.name for row in page.items], page.next_due) == (["later"], latest)

    async def test_the_rest_of_what_is_due_is_next(self, broker: Broker) -> None:
        await put(broker, *(new_row(name, next_at=PAST) for name in "abc"))
        page = await broker.due(2)
        assert (len(page.items), page.next_due) == (2, PAST)

    async def test_what_never_comes_and_what_is_off_is_not_due(self, broker: Broker) -> None:
        await put(broker, new_row("never", next_at=None), new_row("off", enabled=False))
        page = await broker.due(10)
        assert (page.items, page.next_due) == ((), None)

    async def test_what_is_not_planned_yet_is_due(self, broker: Broker) -> None:
        await put(broker, new_row(planned=False, next_at=None))
        assert len((await broker.due(10)).items) == 1

    async def test_what_is_off_for_a_while_is_due_when_that_is_over(
        self, broker: Broker, offset: Offset
    ) -> None:
        now = (await broker.due(1)).now
        await put(broker, new_row(enabled=False, resumes_at=now + HOUR))
        assert (await broker.due(10)).items == ()
        offset.advance(3600)
        assert len((await broker.due(10)).items) == 1

    async def test_a_change_moves_it(self, broker: Broker) -> None:
        row = new_row()
        await put(broker, row)
        await put(broker, after(row, next_at=None))
        assert (await broker.due(10)).items == ()

    async def test_a_clock_that_is_set_back_makes_nothing_due(
        self, broker: Broker, offset: Offset
    ) -> None:
        row = new_row(next_at=(await broker.due(1)).now)
        await put(broker, row)
        offset.advance(-3 * 3600)
        assert (await broker.due(10)).items == ()
        offset.advance(3 * 3600 + 1)
        assert (await broker.due(10)).items == (row,)
