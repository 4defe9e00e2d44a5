"""A change of a recurring job brings the jobs of its slots, and those that are skipped."""

import pytest

from stoker.brokers.conformance.making import (
    counts_of,
    finish,
    ids_of,
    job_of,
    new_job,
    state_of,
    take,
)
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
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Holding
from stoker.jobs.operating import Query
from stoker.jobs.recurring import Changed, Skip
from stoker.jobs.state import State


class SlotPromises:
    async def test_a_change_brings_its_jobs(self, broker: Broker) -> None:
        row = new_row()
        await put(broker, row)
        jobs = [slot_job(row, PAST), slot_job(row, PAST + HOUR, priority=9)]
        (changed,) = await broker.change([written(after(row), *jobs)])
        assert [(each.id, each.created) for each in changed.answers] == [(job.id, True) for job in jobs]
        claims = [*await take(broker, 1), *await take(broker, 10)]
        assert ids_of(claims) == [jobs[1].id, jobs[0].id]
        assert {claim.recurring_id for claim in claims} == {row.id}
        assert claims[1].scheduled_at == PAST

    async def test_a_slot_gives_one_job_whoever_asks_again(self, broker: Broker) -> None:
        row = new_row()
        job = slot_job(row, PAST)
        await broker.change([written(row, job)])
        (claim,) = await take(broker, 1)
        await finish(broker, claim)
        (changed,) = await broker.change([written(after(row), job)])
        assert [(each.id, each.created) for each in changed.answers] == [(job.id, False)]
        assert await state_of(broker, job.id) is State.COMPLETED
        assert (await counts_of(broker, "q")).total == 1

    async def test_a_key_that_is_held_is_answered_with_its_holder(self, broker: Broker) -> None:
        holder = new_job("q", unique=Holding("k"))
        await broker.enqueue([holder])
        row = new_row()
        (changed,) = await broker.change([written(row, slot_job(row, PAST, unique=Holding("k")))])
        assert changed.accepted
        assert [(each.id, each.created) for each in changed.answers] == [(holder.id, False)]

    async def test_a_change_whose_job_is_refused_writes_nothing(self, broker: Broker) -> None:
        await broker.enqueue([new_job("q", unique=Holding("k"))])
        row = new_row()
        first = slot_job(row, PAST)
        refused = slot_job(row, PAST + HOUR, unique=Holding("k", on_conflict="error"))
        with pytest.raises(UniqueConflict):
            await broker.change([written(row, first, refused)])
        assert await rows_of(broker) == []
        assert await broker.get([first.id]) == [None]

    @pytest.mark.parametrize("late", [False, True], ids=["on time", "later"])
    async def test_a_skipped_slot_is_a_job_that_has_ended(
        self, broker: Broker, offset: Offset, late: bool
    ) -> None:
        row = new_row()
        slot = (await broker.due(1)).now + HOUR if late else PAST
        job = slot_job(row, slot, unique=Holding("k"), expires=1.0)
        (changed,) = await broker.change([written(row, skipped=(Skip(job, "overlap"),))])
        assert changed == Changed(True)
        kept = await job_of(broker, job.id)
        assert (kept.state, kept.reason, kept.recurring_id) == (State.SKIPPED, "overlap", row.id)
        assert kept.completed_at is not None and kept.started_at is None
        assert (kept.scheduled_at, kept.unique_key) == (slot, None)
        counts = await counts_of(broker, "q")
        assert (counts.skipped, counts.total) == (1, 1)
        offset.advance(2 * 3600)
        assert (await broker.promote(10)).expired == 0
        assert await take(broker, 10) == []
        page = await broker.find(Query(states=(State.SKIPPED,)))
        assert [each.id for each in page.items] == [job.id]
        key = new_job("q", unique=Holding("k"))
        assert (await broker.enqueue([key]))[0].created  # a skipped one holds no key

    async def test_whoever_waits_for_a_skipped_job_is_answered(self, broker: Broker) -> None:
        row = new_row()
        job = slot_job(row, PAST)
        await broker.change([written(row, skipped=(Skip(job, "overlap"),))])
        ended = await broker.settled(job.id, 5.0)
        assert ended is not None and ended.state is State.SKIPPED

    async def test_a_skipped_slot_is_not_skipped_again(self, broker: Broker) -> None:
        row = new_row()
        job = slot_job(row, PAST)
        await broker.change([written(row, job)])
        await broker.change([written(after(row), skipped=(Skip(job, "overlap"),))])
        assert await state_of(broker, job.id) is State.PENDING
        assert (await counts_of(broker, "q")).total == 1

    async def test_a_skipped_job_can_be_retried(self, broker: Broker) -> None:
        row = new_row()
        job = slot_job(row, PAST)
        await broker.change([written(row, skipped=(Skip(job, "overlap"),))])
        (answer,) = await broker.retry([job.id])
        assert answer.verdict == "retried"
        assert ids_of(await take(broker, 1)) == [job.id]
