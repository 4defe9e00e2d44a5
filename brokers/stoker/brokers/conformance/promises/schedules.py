"""What becomes of the slots of a recurring job: each policy, tried against the store."""

from typing import Any

import msgspec
import pytest

from stoker.brokers.conformance.hourly import Hourly, Live
from stoker.brokers.conformance.making import counts_of, finish, job_of, new_job, take
from stoker.brokers.conformance.scheduling import HOUR, jobs_at, rows_of
from stoker.brokers.protocol import Broker
from stoker.jobs import rescheduling
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding
from stoker.jobs.slots import LONGEST_LOOK, fired
from stoker.jobs.slots import job_of as asked_of
from stoker.jobs.state import State

LIVE = (State.PENDING, State.RUNNING, State.RETRYING)
RUNS = (State.PENDING, None)
SKIPPED = (State.SKIPPED, "overlap")


class CatchupPromises:
    @pytest.mark.parametrize(
        ("catchup", "made"),
        [("last", [None, None, RUNS]), ("skip", [None] * 3), ("all", [RUNS] * 3)],
    )
    async def test_after_three_hours_of_nothing_exactly_the_slots_of_the_policy_run(
        self, broker: Broker, offset: Offset, catchup: str, made: list[Any]
    ) -> None:
        hourly = await Hourly.begin(broker, offset, catchup=catchup, overlap="allow")
        await hourly.pass_by(3)
        assert await hourly.slots(4) == [*made, None]
        await hourly.pass_by(0.501)  # the next one comes in time, so that it is no matter of making up
        assert await hourly.slots(5) == [*made, RUNS, None]
        assert (await counts_of(broker, "q")).total == made.count(RUNS) + 1

    async def test_not_more_is_made_up_than_the_limit(self, broker: Broker, offset: Offset) -> None:
        hourly = await Hourly.begin(broker, offset, catchup="all", catchup_limit=2, overlap="allow")
        await hourly.pass_by(5)
        assert await hourly.slots(5) == [None, None, None, RUNS, RUNS]

    async def test_what_passes_while_it_is_off_is_not_made_up(
        self, broker: Broker, offset: Offset
    ) -> None:
        hourly = await Hourly.begin(broker, offset, catchup="all", overlap="allow")
        off = rescheduling.toggled(await hourly.current(), False, await hourly.now())
        await hourly.say(off)
        await hourly.pass_by(3)
        await hourly.say(rescheduling.toggled(await hourly.current(), True, await hourly.now()))
        await hourly.pass_by(1)
        assert await hourly.slots(4) == [None, None, None, RUNS]

    async def test_what_is_off_for_a_while_goes_on_by_itself(
        self, broker: Broker, offset: Offset
    ) -> None:
        hourly = await Hourly.begin(broker, offset, catchup="all", overlap="allow")
        now = await hourly.now()
        await hourly.say(rescheduling.toggled(await hourly.current(), False, now, now + 3 * HOUR))
        for _ in range(5):
            await hourly.pass_by(1)
        assert await hourly.slots(5) == [None, None, None, RUNS, RUNS]

    async def test_a_deploy_that_changes_no_times_loses_no_slot(
        self, broker: Broker, offset: Offset
    ) -> None:
        hourly = await Hourly.begin(broker, offset, catchup="all", overlap="allow")
        offset.advance(3 * 3600)
        row = await hourly.current()
        other = msgspec.structs.replace(row.declared, priority=9)
        await hourly.say(rescheduling.added(row, row.name, other, await hourly.now()))
        await hourly.pass_by()
        assert await hourly.slots(3) == [RUNS] * 3
        assert (await job_of(broker, (await take(broker, 1))[0].id)).priority == 9

    async def test_no_slot_comes_again_in_another_queue(self, broker: Broker, offset: Offset) -> None:
        hourly = await Hourly.begin(broker, offset, catchup="all", overlap="allow")
        await hourly.pass_by(2)
        row = await hourly.current()
        other = msgspec.structs.replace(row.declared, queue="other")
        await hourly.say(rescheduling.added(row, row.name, other, await hourly.now()))
        await hourly.pass_by(1)
        (moved,) = await rows_of(broker)
        assert moved.id != row.id
        assert await hourly.slots(3) == [RUNS, RUNS, None]
        jobs = await jobs_at(broker, moved, [hourly.slot(number) for number in range(3)])
        assert [job is not None for job in jobs.values()] == [False, False, True]


class OverlapPromises:
    @pytest.mark.parametrize("state", LIVE)
    async def test_a_slot_is_skipped_while_the_earlier_job_lives(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        hourly = await Hourly.begin(broker, offset)
        await hourly.pass_by(1)
        earlier = await Live.begin(hourly, state)
        await hourly.pass_by(1)
        assert await hourly.slots(2) == [(state, None), SKIPPED]
        await earlier.end()
        await hourly.pass_by(1)
        assert (await hourly.slots(3))[1:] == [SKIPPED, RUNS]

    @pytest.mark.parametrize("state", LIVE)
    async def test_a_slot_waits_while_the_earlier_job_lives(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        hourly = await Hourly.begin(broker, offset, overlap="queue")
        await hourly.pass_by(1)
        earlier = await Live.begin(hourly, state)
        await hourly.pass_by(1)
        assert await hourly.slots(2) == [(state, None), None]
        assert (await hourly.current()).held
        await earlier.end()
        await hourly.pass_by(LONGEST_LOOK / HOUR)
        assert (await hourly.slots(3))[1:] == [RUNS, None]
        assert not (await hourly.current()).held

    @pytest.mark.parametrize(("catchup", "left"), [("last", [None, None, RUNS]), ("all", [RUNS] * 3)])
    async def test_slots_that_have_waited_run_one_after_the_other(
        self, broker: Broker, offset: Offset, catchup: str, left: list[Any]
    ) -> None:
        hourly = await Hourly.begin(broker, offset, overlap="queue", catchup=catchup)
        for _ in range(4):
            await hourly.pass_by(1)
        assert await hourly.slots(4) == [RUNS, None, None, None]
        made = 0
        while claims := await take(broker):
            assert len(claims) == 1
            made += 1
            await finish(broker, claims[0])
            await hourly.pass_by(LONGEST_LOOK / HOUR)
        states = await hourly.slots(4)
        assert [state is not None for state in states[1:]] == [slot is not None for slot in left]
        assert made == 1 + left.count(RUNS)

    @pytest.mark.parametrize("state", LIVE)
    async def test_slots_overlap_where_that_is_allowed(
        self, broker: Broker, offset: Offset, state: State
    ) -> None:
        hourly = await Hourly.begin(broker, offset, overlap="allow")
        await hourly.pass_by(1)
        await Live.begin(hourly, state)
        await hourly.pass_by(1)
        assert await hourly.slots(2) == [(state, None), RUNS]

    async def test_a_slot_overlaps_with_a_job_that_was_asked_for(
        self, broker: Broker, offset: Offset
    ) -> None:
        hourly = await Hourly.begin(broker, offset)
        row = await hourly.current()
        await hourly.say([fired(row, asked_of(row, new_job("q").id, None))])
        await hourly.pass_by(1)
        assert await hourly.slots(1) == [SKIPPED]
        assert (await counts_of(broker, "q")).ready == 1

    async def test_a_slot_whose_key_is_held_is_skipped(self, broker: Broker, offset: Offset) -> None:
        holder = new_job("q", unique=Holding("k"))
        await broker.enqueue([holder])
        hourly = await Hourly.begin(broker, offset, unique=Holding("k"))
        await hourly.pass_by(1)
        assert await hourly.slots(1) == [(State.SKIPPED, "unique")]
        await finish(broker, (await take(broker, 1))[0])
        await hourly.pass_by(1)
        assert await hourly.slots(2) == [(State.SKIPPED, "unique"), RUNS]

    async def test_jobs_go_on_when_their_row_is_taken_away(
        self, broker: Broker, offset: Offset
    ) -> None:
        hourly = await Hourly.begin(broker, offset, overlap="allow", catchup="all")
        await hourly.pass_by(2)
        (claim,) = await take(broker, 1)
        await hourly.say(rescheduling.removed(await hourly.current()))
        await hourly.pass_by(3)
        await finish(broker, claim)
        assert len(await take(broker)) == 1
        assert (await counts_of(broker, "q")).total == 2
