"""Whatever several do at once, each job goes to one of them, and each write counts once."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import anyio

from stoker.brokers.conformance.making import (
    LEASE,
    counts_of,
    ending,
    held,
    ids_of,
    new_job,
    new_jobs,
    retake,
    start,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim, Holding
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

T = TypeVar("T")
LIMIT = 60.0


async def at_once(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What all of these answer, begun together."""
    answers: dict[int, T] = {}

    async def call(place: int, begin: Callable[[], Awaitable[T]]) -> None:
        answers[place] = await begin()

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            for place, begin in enumerate(calls):
                tasks.start_soon(call, place, begin)
    return [answers[place] for place in range(len(calls))]


class RacingPromises:
    async def test_no_job_goes_to_two_claimers(self, broker: Broker, second: Broker) -> None:
        jobs = new_jobs(200)
        await broker.enqueue(jobs)
        taken: list[Claim] = []

        def claimer(of: Broker, number: int) -> Callable[[], Awaitable[None]]:
            async def claim_all() -> None:
                while claims := await take(of, 7, worker=f"worker-{number}"):
                    taken.extend(claims)

            return claim_all

        await at_once([claimer((broker, second)[number % 2], number) for number in range(10)])
        assert sorted(ids_of(taken)) == ids_of(jobs)
        assert (await counts_of(broker)).running == 200

    async def test_claimers_and_producers_lose_nothing(self, broker: Broker, second: Broker) -> None:
        wanted, taken = [new_jobs(20, queue) for queue in "abcde"], list[str]()

        def producer(number: int) -> Callable[[], Awaitable[None]]:
            async def produce() -> None:
                for job in wanted[number]:
                    await (broker, second)[number % 2].enqueue([job])

            return produce

        def consumer(of: Broker) -> Callable[[], Awaitable[None]]:
            async def consume() -> None:
                while len(taken) < 100:
                    claims = await take(of, 3)
                    taken.extend(ids_of(claims))
                    await of.settle([ending(claim) for claim in claims])

            return consume

        await at_once([*map(producer, range(5)), *(consumer(of) for of in (broker, second) * 2)])
        assert sorted(taken) == sorted(job.id for jobs in wanted for job in jobs)
        assert sum([(await counts_of(broker, queue)).completed for queue in "abcde"]) == 100

    async def test_one_of_two_settlements_is_accepted(self, broker: Broker, second: Broker) -> None:
        await broker.enqueue(new_jobs(20))
        claims = await take(broker)
        verdicts = await at_once(
            [partial(of.settle, [ending(claim)]) for claim in claims for of in (broker, second)]
        )
        pairs = [
            sorted((one[0], other[0])) for one, other in zip(verdicts[::2], verdicts[1::2], strict=True)
        ]
        assert pairs == [["accepted", "already"]] * 20
        assert (await counts_of(broker)).completed == 20

    async def test_an_expired_claim_goes_to_one_sweeper(
        self, broker: Broker, second: Broker, offset: Offset
    ) -> None:
        jobs = new_jobs(50)
        await broker.enqueue(jobs)
        await take(broker)
        offset.advance(2 * LEASE)
        swept = await at_once([partial(retake, of, limit=10) for of in (broker, second) * 5])
        assert sorted(claim.id for claims in swept for claim in claims) == ids_of(jobs)

    async def test_one_of_many_gets_a_unique_key(self, broker: Broker, second: Broker) -> None:
        jobs = [new_job(unique=Holding("key")) for _ in range(20)]
        answers = await at_once(
            [partial(of.enqueue, [job]) for job, of in zip(jobs, (broker, second) * 10, strict=True)]
        )
        assert sum(answer[0].created for answer in answers) == 1
        assert len({answer[0].id for answer in answers}) == 1
        assert (await counts_of(broker)).total == 1

    async def test_one_id_enqueued_by_many_is_one_job(self, broker: Broker, second: Broker) -> None:
        job = new_job()
        answers = await at_once([partial(of.enqueue, [job]) for of in (broker, second) * 5])
        assert sum(answer[0].created for answer in answers) == 1
        assert (await counts_of(broker)).total == 1

    async def test_cancel_and_claim_agree_on_who_came_first(
        self, broker: Broker, second: Broker
    ) -> None:
        jobs = new_jobs(40)
        await broker.enqueue(jobs)
        claimed: dict[str, Claim] = {}
        verdicts: dict[str, str] = {}

        async def claim_one() -> None:
            claimed.update({claim.id: claim for claim in await take(broker, 1)})

        async def cancel(id: str) -> None:
            verdicts[id] = (await second.cancel([id]))[0].verdict

        await at_once([call for job in jobs for call in (claim_one, partial(cancel, job.id))])
        for id, verdict in verdicts.items():
            assert verdict == ("requested" if id in claimed else "cancelled")
        renewal = await broker.renew([held(claim) for claim in claimed.values()], LEASE)
        assert (renewal.lost, set(renewal.cancelled)) == (frozenset(), set(claimed))

    async def test_a_renewal_and_a_sweep_agree_on_who_holds(
        self, broker: Broker, second: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(30))
        claims = await take(broker)
        offset.advance(2 * LEASE)
        swept: set[str] = set()

        async def sweep_one() -> None:
            swept.update(ids_of(await retake(second, limit=1)))

        async def renew(claim: Claim) -> None:
            await broker.renew([held(claim)], LEASE)

        await at_once([call for claim in claims for call in (partial(renew, claim), sweep_one)])
        verdicts = await broker.settle([ending(claim) for claim in claims])
        for claim, verdict in zip(claims, verdicts, strict=True):
            assert verdict == ("lost" if claim.id in swept else "accepted")

    async def test_one_retry_of_many_counts(self, broker: Broker, second: Broker) -> None:
        claim = await start(broker)
        await broker.settle([ending(claim, State.FAILED)])
        answers = await at_once([partial(of.retry, [claim.id]) for of in (broker, second) * 5])
        assert sorted(answer[0].verdict for answer in answers) == ["not_final"] * 9 + ["retried"]
        assert await state_of(broker, claim.id) is State.PENDING
        assert (await counts_of(broker)).ready == 1

    async def test_promoting_and_pruning_at_once_count_each_job_once(
        self, broker: Broker, second: Broker, offset: Offset
    ) -> None:
        await broker.enqueue(new_jobs(30, delay=10.0))
        await broker.enqueue(new_jobs(30))
        await broker.settle([ending(claim) for claim in await take(broker)])
        offset.advance(20)
        keep = {State.COMPLETED: Keep(age=5.0)}
        await at_once([partial(of.promote, 7) for of in (broker, second) * 5])
        pruned = await at_once([partial(of.prune, keep, 7) for of in (broker, second) * 5])
        counts = await counts_of(broker)
        assert (sum(pruned), counts.pruned, counts.ready, counts.total) == (30, 30, 30, 60)
