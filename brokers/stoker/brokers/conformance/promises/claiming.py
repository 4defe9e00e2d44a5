"""Promise 2: a job is handed to one claim at a time, in order, and nothing starves."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    EPOCH,
    LEASE,
    detail_of,
    finish,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    new_token,
    promote_all,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.ids import derived_id
from stoker.jobs.patterns import QueueSet
from stoker.jobs.state import State


async def one_by_one(broker: Broker, *patterns: str, lowest_first: bool = False) -> list[str]:
    """The ids of what is ready, in the order in which single claims get it."""
    ids = []
    while claims := await take(broker, 1, *patterns, lowest_first=lowest_first):
        ids += ids_of(claims)
    return ids


MANY = tuple(f"queue-{number:03}" for number in range(120))
"""More queues than any broker looks at in one go."""


class ClaimingPromises:
    async def test_a_claim_says_what_it_is_of(self, broker: Broker) -> None:
        job = new_job("mail", type="mail.send", priority=3, max_attempts=4)
        await broker.enqueue([job])
        token = new_token()
        (claim,) = await broker.claim(
            QueueSet(("mail",)), 10, worker="host:1", token=token, lease=LEASE
        )
        assert (claim.id, claim.token, claim.type, claim.queue) == (job.id, token, "mail.send", "mail")
        assert (claim.priority, claim.attempts, claim.max_attempts) == (3, 1, 4)
        assert (claim.crashes, claim.solo_deaths, claim.returns) == (0, 0, 0)
        assert (claim.cancel_requested, claim.cancel_reason) == (False, None)
        kept = await job_of(broker, job.id)
        assert (kept.state, kept.worker, kept.attempts) == (State.RUNNING, "host:1", 1)
        assert kept.started_at == claim.started_at
        assert (claim.created_at, claim.scheduled_at) == (kept.created_at, kept.scheduled_at)
        assert not (await detail_of(broker, job.id)).ready

    async def test_a_claimed_job_is_not_handed_out_again(self, broker: Broker) -> None:
        await start(broker)
        assert await take(broker) == []

    async def test_an_expired_lease_alone_hands_nothing_out(
        self, broker: Broker, offset: Offset
    ) -> None:
        await start(broker)
        offset.advance(10 * LEASE)
        await promote_all(broker)
        assert await take(broker) == []

    async def test_no_more_than_the_limit_is_taken(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(5))
        assert [len(await take(broker, 2)) for _ in range(4)] == [2, 2, 1, 0]

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_no_room_takes_nothing(self, broker: Broker, limit: int) -> None:
        await broker.enqueue([new_job()])
        assert await take(broker, limit) == []

    async def test_of_nothing_nothing_is_taken(self, broker: Broker) -> None:
        assert await take(broker, 10, "never-heard-of") == []
        assert await take(broker, 10) == []

    async def test_higher_priority_goes_first(self, broker: Broker) -> None:
        jobs = {priority: new_job(priority=priority) for priority in (4, 9, 0, 5, 7)}
        await broker.enqueue(list(jobs.values()))
        wanted = [jobs[priority].id for priority in (9, 7, 5, 4, 0)]
        assert await one_by_one(broker) == wanted

    async def test_of_equal_priority_the_earlier_scheduled_goes_first(self, broker: Broker) -> None:
        late, early, middle = (new_job(at=EPOCH - timedelta(days=1000 + days)) for days in (1, 3, 2))
        await broker.enqueue([late, early, middle])
        assert await one_by_one(broker) == [early.id, middle.id, late.id]

    async def test_of_equal_time_the_lower_id_goes_first(self, broker: Broker) -> None:
        at = EPOCH - timedelta(days=1000)
        ids = sorted(derived_id("default", str(number), 1e9) for number in range(6))
        await broker.enqueue([new_job(id=ids[place], at=at) for place in (3, 0, 5, 1, 4, 2)])
        assert await one_by_one(broker) == ids

    async def test_priority_stands_over_time(self, broker: Broker) -> None:
        urgent = new_job(priority=8)
        old = new_job(at=EPOCH - timedelta(days=3000))
        await broker.enqueue([old, urgent])
        assert await one_by_one(broker) == [urgent.id, old.id]

    async def test_what_comes_in_later_with_priority_overtakes(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(3))
        await take(broker, 1)
        urgent = new_job(priority=9)
        await broker.enqueue([urgent])
        assert ids_of(await take(broker, 1)) == [urgent.id]

    async def test_a_batch_is_the_head_of_the_queue(self, broker: Broker) -> None:
        jobs = [new_job(priority=priority) for priority in (1, 9, 5, 8, 2)]
        await broker.enqueue(jobs)
        assert {claim.priority for claim in await take(broker, 3)} == {9, 8, 5}

    async def test_a_retry_that_is_due_keeps_its_priority(self, broker: Broker, offset: Offset) -> None:
        urgent = await start(broker, new_job(priority=9))
        await finish(broker, urgent, State.RETRYING, delay=10.0)
        await broker.enqueue([new_job()])
        offset.advance(20)
        await promote_all(broker)
        assert ids_of(await take(broker, 1)) == [urgent.id]

    async def test_lowest_first_takes_the_lowest_priority(self, broker: Broker) -> None:
        jobs = {priority: new_job(priority=priority) for priority in (4, 9, 0, 5)}
        await broker.enqueue(list(jobs.values()))
        wanted = [jobs[priority].id for priority in (0, 4, 5, 9)]
        assert await one_by_one(broker, lowest_first=True) == wanted

    async def test_lowest_first_takes_the_earlier_of_a_priority(self, broker: Broker) -> None:
        late, early = (new_job(at=EPOCH - timedelta(days=1000 + days)) for days in (1, 2))
        await broker.enqueue([late, early])
        assert await one_by_one(broker, lowest_first=True) == [early.id, late.id]

    async def test_lowest_first_fills_up_from_above(self, broker: Broker) -> None:
        await broker.enqueue([new_job(priority=priority) for priority in (0, 1, 1, 8, 9)])
        taken = await take(broker, 4, lowest_first=True)
        assert sorted(claim.priority for claim in taken) == [0, 1, 1, 8]

    async def test_a_low_one_does_not_starve_behind_a_flood_of_high_ones(self, broker: Broker) -> None:
        low = new_job(priority=0)
        await broker.enqueue([low, *new_jobs(50, priority=9)])
        seen: list[str] = []
        for turn in range(1, 11):
            seen += ids_of(await take(broker, 1, lowest_first=turn % 10 == 0))
        assert low.id in seen

    async def test_each_run_has_its_number(self, broker: Broker) -> None:
        claim = await start(broker)
        for number in (1, 2, 3):
            assert claim.attempts == number
            await finish(broker, claim, State.RETRYING)
            (claim,) = await take(broker)


class QueuePromises:
    """Which queues a claim takes from."""

    @pytest.fixture
    async def filled(self, broker: Broker) -> None:
        for queue in ("mail.in", "mail.out", "reports", "pdf"):
            await broker.enqueue([new_job(queue)])

    @pytest.mark.usefixtures("filled")
    @pytest.mark.parametrize(
        ("patterns", "queues"),
        [
            (["*"], {"mail.in", "mail.out", "reports", "pdf"}),
            (["reports"], {"reports"}),
            (["reports", "pdf", "none"], {"reports", "pdf"}),
            (["mail.*"], {"mail.in", "mail.out"}),
            (["mail.??"], {"mail.in"}),
            (["*", "!mail.*"], {"reports", "pdf"}),
            (["!pdf"], {"mail.in", "mail.out", "reports"}),
            (["mail.*", "!mail.in", "pdf"], {"mail.out", "pdf"}),
            (["reports", "!reports"], set()),
            (["MAIL.*"], set()),
        ],
    )
    async def test_only_queues_of_the_set_are_taken_from(
        self, broker: Broker, patterns: list[str], queues: set[str]
    ) -> None:
        assert {claim.queue for claim in await take(broker, 100, *patterns)} == queues
        left = {claim.queue for claim in await take(broker, 100)}
        assert left == {"mail.in", "mail.out", "reports", "pdf"} - queues

    @pytest.mark.parametrize("patterns", [("*",), ("a", "b", "c")], ids=["pattern", "names"])
    async def test_consecutive_claims_begin_with_different_queues(
        self, broker: Broker, patterns: tuple[str, ...]
    ) -> None:
        for queue in ("a", "b", "c"):
            await broker.enqueue(new_jobs(10, queue))
        begun = [(await take(broker, 1, *patterns))[0].queue for _ in range(9)]
        for round in (begun[:3], begun[3:6], begun[6:]):
            assert sorted(round) == ["a", "b", "c"]

    @pytest.mark.parametrize("patterns", [("*",), MANY], ids=["pattern", "names"])
    async def test_each_of_a_great_many_queues_has_its_turn(
        self, broker: Broker, patterns: tuple[str, ...]
    ) -> None:
        await broker.enqueue([new_job(queue) for queue in MANY * 2])
        singly = [(await take(broker, 1, *patterns))[0].queue for _ in MANY]
        assert sorted(singly) == sorted(MANY)
        at_once = [claim.queue for claim in await take(broker, len(MANY) + 1, *patterns)]
        assert sorted(at_once) == sorted(MANY)

    async def test_a_full_queue_does_not_keep_another_from_its_turn(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(100, "flood", priority=9))
        await broker.enqueue([new_job("trickle", priority=0)])
        taken = [(await take(broker, 1))[0].queue for _ in range(2)]
        assert sorted(taken) == ["flood", "trickle"]

    async def test_one_claim_fills_up_from_several_queues(self, broker: Broker) -> None:
        for queue in ("a", "b", "c"):
            await broker.enqueue(new_jobs(2, queue))
        taken = [claim.queue for claim in await take(broker, 5)]
        assert len(taken) == 5 and set(taken) == {"a", "b", "c"}

    async def test_a_job_keeps_its_queue_over_runs(self, broker: Broker) -> None:
        claim = await start(broker, new_job("mail"))
        await finish(broker, claim, State.RETRYING)
        assert await take(broker, 1, "default") == []
        assert ids_of(await take(broker, 1, "mail")) == [claim.id]
        assert await state_of(broker, claim.id) is State.RUNNING
