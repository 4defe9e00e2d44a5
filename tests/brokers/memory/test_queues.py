from stoker.brokers.conformance.making import finish, new_job, take
from stoker.brokers.memory import MemoryBroker
from stoker.jobs.patterns import QueueSet


async def test_queues_that_have_nothing_to_give_are_not_looked_at() -> None:
    async with MemoryBroker() as broker:
        queues = broker._access._store.queues
        for _ in range(3):
            await broker.enqueue([new_job(name) for name in ("b", "a", "paused")])
            await broker.pause("paused")
            assert sorted(queue.name for queue in queues.in_turn(QueueSet())) == ["a", "b"]
            for claim in await take(broker):
                await finish(broker, claim)
            assert list(queues.in_turn(QueueSet())) == []
        await broker.resume("paused")
        assert [queue.name for queue in queues.in_turn(QueueSet())] == ["paused"]
        assert [queue.name for queue in queues.in_turn(QueueSet(("paused",)))] == ["paused"]
        assert list(queues.in_turn(QueueSet(("a", "b", "never")))) == []


async def test_a_cancelled_job_was_the_last_that_its_queue_had_to_give() -> None:
    async with MemoryBroker() as broker:
        job = new_job()
        await broker.enqueue([job])
        await broker.cancel([job.id])
        assert list(broker._access._store.queues.in_turn(QueueSet())) == []


async def test_a_queue_that_is_new_may_be_paused_already() -> None:
    async with MemoryBroker() as broker:
        await broker.pause("mail.*")
        await broker.enqueue([new_job("mail.big"), new_job("other")])
        assert [claim.queue for claim in await take(broker)] == ["other"]
