"""Who works here, and what they can do: rows that are written by daemons and read by everybody."""

from datetime import timedelta

import msgspec

from stoker.brokers.conformance.making import EPOCH, new_job
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.operating import TypeInfo, Worker

DAY = 24 * 3600.0
WORKER = Worker(
    name="host:1",
    service="billing",
    host="host",
    pid=4711,
    version="1.2",
    slots=16,
    running=3,
    queues=("mail", "reports.*"),
    started_at=EPOCH,
)
TYPE = TypeInfo(
    name="mail.send",
    queue="mail",
    priority=7,
    max_attempts=3,
    timeout=30.0,
    expires=60.0,
    tags=("a", "ä"),
    unique={"by": ["to"], "scope": "active"},
    schema={"type": "object", "properties": {"to": {"type": "string"}}},
    version="2",
    description="Sends a mail.",
)


class CrewPromises:
    async def test_nobody_has_been_here(self, broker: Broker) -> None:
        assert (await broker.workers(), await broker.types()) == ([], {})

    async def test_a_worker_is_kept_as_it_was_announced(self, broker: Broker, second: Broker) -> None:
        await broker.announce(WORKER)
        (seen,) = await second.workers()
        assert seen.seen_at is not None
        assert msgspec.structs.replace(seen, seen_at=None) == WORKER

    async def test_announcing_again_refreshes_the_row(self, broker: Broker, offset: Offset) -> None:
        await broker.announce(WORKER)
        (first,) = await broker.workers()
        offset.advance(100)
        await broker.announce(msgspec.structs.replace(WORKER, running=9))
        (second,) = await broker.workers()
        assert second.running == 9
        assert first.seen_at is not None and second.seen_at is not None
        assert second.seen_at - first.seen_at >= timedelta(seconds=100)

    async def test_who_departs_is_gone(self, broker: Broker) -> None:
        await broker.announce(WORKER)
        await broker.announce(msgspec.structs.replace(WORKER, name="host:2"))
        await broker.depart("host:1")
        await broker.depart("nobody")
        assert [worker.name for worker in await broker.workers()] == ["host:2"]

    async def test_who_was_not_seen_for_a_day_is_removed(self, broker: Broker, offset: Offset) -> None:
        await broker.announce(WORKER)
        offset.advance(DAY - 100)
        await broker.announce(msgspec.structs.replace(WORKER, name="host:2"))
        await broker.prune({}, 100)
        assert len(await broker.workers()) == 2
        offset.advance(200)
        await broker.prune({}, 100)
        assert [worker.name for worker in await broker.workers()] == ["host:2"]

    async def test_a_type_is_kept_as_it_was_published(self, broker: Broker, second: Broker) -> None:
        plain = TypeInfo(name="plain")
        await broker.publish([TYPE, plain])
        assert await second.types() == {"mail.send": TYPE, "plain": plain}

    async def test_the_newest_of_a_name_wins(self, broker: Broker) -> None:
        newer = msgspec.structs.replace(TYPE, version="3", priority=1)
        await broker.publish([TYPE])
        await broker.publish([newer])
        assert await broker.types() == {"mail.send": newer}

    async def test_publishing_nothing_changes_nothing(self, broker: Broker) -> None:
        await broker.publish([TYPE])
        await broker.publish([])
        assert await broker.types() == {"mail.send": TYPE}

    async def test_the_catalogue_does_not_touch_jobs(self, broker: Broker) -> None:
        job = new_job(type="mail.send")
        await broker.publish([TYPE])
        await broker.enqueue([job])
        (kept,) = await broker.get([job.id])
        assert kept is not None and (kept.priority, kept.max_attempts) == (5, 6)
