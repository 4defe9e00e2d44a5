from stoker.brokers import connect
from stoker.brokers.conformance.making import finish, held, ids_of, new_jobs, retake, start, take
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

HOUR = 3600.0


async def test_of_pruned_jobs_nothing_is_left_but_their_count() -> None:
    offset = Offset()
    async with connect("memory://", offset=offset) as broker:
        assert isinstance(broker, MemoryBroker)
        for at in range(10):
            delayed = new_jobs(50, delay=1000.0, expires=2000.0)
            held_for_a_while = new_jobs(1, unique=Holding(f"key {at}", scope=60.0))
            await broker.enqueue([*held_for_a_while, *new_jobs(50), *delayed])
            await broker.cancel([job.id for job in delayed])
            for claim in await take(broker):
                await finish(broker, claim)
        everything = {State.COMPLETED: Keep(count=0), State.CANCELLED: Keep(count=0)}
        assert await broker.prune(everything, 10_000) == 1010
        offset.advance(2 * HOUR)
        await broker.prune(everything, 10_000)
        store = broker._access._store
        assert store.jobs == {}
        assert store.keys._held == {} and store.keys._ending == []
        assert store.tombstones._until == {} and store.tombstones._ending == []
        assert store.listing._blocks == []
        for heap in (store.delayed, store.expiring, store.leases, *store.ended.values()):
            assert len(heap) == 0 and len(heap._entries) <= 200
        (info,) = await broker.queues()
        assert info.counts.pruned == info.counts.total == 1010


async def test_a_lease_renewed_for_less_ends_by_that() -> None:
    offset = Offset()
    async with connect("memory://", offset=offset) as broker:
        claim = await start(broker)
        await broker.renew([held(claim)], 1000.0)
        await broker.renew([held(claim)], 10.0)
        offset.advance(11)
        assert ids_of(await retake(broker)) == [claim.id]


async def test_a_lease_renewed_often_ends_by_the_last_renewal() -> None:
    offset = Offset()
    async with connect("memory://", offset=offset) as broker:
        claim = await start(broker)
        for _ in range(5):
            offset.advance(20)
            assert await retake(broker) == []
            await broker.renew([held(claim)], 30.0)
        offset.advance(29)
        assert await retake(broker) == []
        offset.advance(2)
        assert ids_of(await retake(broker)) == [claim.id]
