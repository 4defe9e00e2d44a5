"""Paused queues hand out nothing; everything else goes on."""

import pytest

from stoker.brokers.conformance.making import (
    LEASE,
    finish,
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
from stoker.jobs.state import State


class PausingPromises:
    async def test_a_paused_queue_hands_out_nothing(self, broker: Broker) -> None:
        await broker.enqueue([new_job("mail"), new_job("reports")])
        await broker.pause("mail")
        assert [claim.queue for claim in await take(broker)] == ["reports"]
        assert await take(broker, 10, "mail") == []

    @pytest.mark.parametrize(
        ("pattern", "left"),
        [
            ("mail.*", {"reports"}),
            ("*", set()),
            ("mail.?ut", {"mail.in", "reports"}),
            ("mail", {"mail.in", "mail.out", "reports"}),
        ],
    )
    async def test_a_pattern_pauses_every_queue_that_fits(
        self, broker: Broker, pattern: str, left: set[str]
    ) -> None:
        await broker.enqueue([new_job(queue) for queue in ("mail.in", "mail.out", "reports")])
        await broker.pause(pattern)
        assert {claim.queue for claim in await take(broker)} == left

    async def test_a_pattern_holds_for_queues_to_come(self, broker: Broker) -> None:
        await broker.pause("mail.*")
        await broker.enqueue([new_job("mail.new")])
        assert await take(broker) == []

    async def test_every_instance_respects_it(self, broker: Broker, second: Broker) -> None:
        await broker.enqueue([new_job()])
        await second.pause("default")
        assert await take(broker) == []
        await second.resume("default")
        assert len(await take(broker)) == 1

    async def test_after_resuming_jobs_are_handed_out(self, broker: Broker) -> None:
        job = new_job()
        await broker.enqueue([job])
        await broker.pause("default")
        assert await broker.resume("default") is True
        assert ids_of(await take(broker)) == [job.id]

    async def test_resuming_undoes_exactly_its_pattern(self, broker: Broker) -> None:
        await broker.enqueue([new_job("mail.in")])
        await broker.pause("mail.*")
        await broker.pause("mail.in")
        assert await broker.resume("mail.in") is True
        assert await take(broker) == []
        assert await broker.resume("*") is False
        assert await broker.resume("mail.*") is True
        assert len(await take(broker)) == 1

    async def test_what_was_not_paused_cannot_be_resumed(self, broker: Broker) -> None:
        assert await broker.resume("default") is False

    async def test_running_jobs_and_enqueues_go_on(self, broker: Broker, offset: Offset) -> None:
        await broker.enqueue(new_jobs(2))
        finishing, dying = await take(broker)
        await broker.pause("default")
        assert not (await broker.renew([held(finishing), held(dying)], LEASE)).lost
        await finish(broker, finishing)
        (answer,) = await broker.enqueue([new_job()])
        assert answer.created
        offset.advance(2 * LEASE)
        assert ids_of(await retake(broker)) == [dying.id]
        assert await state_of(broker, finishing.id) is State.COMPLETED

    async def test_delayed_jobs_of_a_paused_queue_become_ready_and_stay(
        self, broker: Broker, offset: Offset
    ) -> None:
        job = new_job(delay=10.0)
        await broker.enqueue([job])
        await broker.pause("default")
        offset.advance(20)
        await broker.promote(10)
        assert await take(broker) == []
        await broker.resume("default")
        assert ids_of(await take(broker)) == [job.id]

    async def test_pauses_are_listed_with_their_reasons(self, broker: Broker) -> None:
        await broker.pause("reports", "migration")
        await broker.pause("mail.*")
        pauses = {pause.pattern: pause.reason for pause in await broker.pauses()}
        assert pauses == {"reports": "migration", "mail.*": None}
        await broker.resume("reports")
        assert [pause.pattern for pause in await broker.pauses()] == ["mail.*"]

    async def test_pausing_again_changes_the_reason_and_not_the_time(
        self, broker: Broker, offset: Offset
    ) -> None:
        await broker.pause("mail", "first")
        (first,) = await broker.pauses()
        offset.advance(100)
        await broker.pause("mail", "second")
        (second,) = await broker.pauses()
        assert (second.reason, second.since) == ("second", first.since)

    async def test_a_queue_says_that_it_is_paused(self, broker: Broker) -> None:
        await broker.enqueue([new_job("mail"), new_job("reports")])
        await broker.pause("mai*", "migration")
        paused = {info.counts.queue: info.pause for info in await broker.queues()}
        assert paused["reports"] is None
        assert paused["mail"] is not None and paused["mail"].reason == "migration"

    async def test_a_claim_under_way_is_unharmed_by_a_pause(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.pause("*")
        await finish(broker, claim, State.RETRYING)
        assert await take(broker) == []
