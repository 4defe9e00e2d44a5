"""Promise 7: hints make things faster and nothing depends on them; whoever waits for a job is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from stoker.brokers.conformance.making import (
    SOON,
    finish,
    ids_of,
    new_job,
    promote_all,
    retake,
    start,
    take,
)
from stoker.brokers.conformance.scheduling import PAST, new_row, slot_job, written
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import JobNotFound
from stoker.jobs.job import Job
from stoker.jobs.operating import Wakeup
from stoker.jobs.state import FINAL, State


class WaitingPromises:
    """`settled`."""

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_a_job_that_has_ended_is_given_at_once(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        await finish(broker, claim, state, reason="why")
        job = await broker.settled(claim.id, SOON)
        assert job is not None and (job.id, job.state, job.reason) == (claim.id, state, "why")

    async def test_who_has_no_time_to_wait_still_gets_an_answer(self, broker: Broker) -> None:
        claim = await start(broker)
        assert await broker.settled(claim.id, 0.0) is None
        await finish(broker, claim)
        assert await broker.settled(claim.id, 0.0) is not None
        with pytest.raises(JobNotFound):
            await broker.settled(new_job().id, 0.0)

    async def test_none_after_the_timeout(self, broker: Broker) -> None:
        claim = await start(broker)
        with anyio.fail_after(SOON):
            assert await broker.settled(claim.id, 0.05) is None

    async def test_an_unknown_job_is_not_waited_for(self, broker: Broker) -> None:
        with anyio.fail_after(SOON), pytest.raises(JobNotFound):
            await broker.settled(new_job().id, 10 * SOON)

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_a_settlement_is_told(self, broker: Broker, state: State) -> None:
        claim = await start(broker)
        async with told(broker, claim.id) as job:
            await finish(broker, claim, state)
        assert job().state is state

    async def test_the_settlement_of_another_instance_is_told(
        self, broker: Broker, second: Broker
    ) -> None:
        claim = await start(broker)
        async with told(broker, claim.id) as job:
            await finish(second, claim, result=b"42")
        result = job().result
        assert result is not None and bytes(result) == b"42"

    async def test_a_cancel_is_told(self, broker: Broker) -> None:
        waiting = new_job()
        await broker.enqueue([waiting])
        async with told(broker, waiting.id) as job:
            await broker.cancel([waiting.id])
        assert job().state is State.CANCELLED

    async def test_an_expiry_is_told(self, broker: Broker, offset: Offset) -> None:
        waiting = new_job(expires=10.0)
        await broker.enqueue([waiting])
        async with told(broker, waiting.id) as job:
            offset.advance(20)
            await broker.promote(10)
        assert job().state is State.SKIPPED

    async def test_the_end_of_another_job_ends_no_wait(self, broker: Broker) -> None:
        waited_for, other = await start(broker), await start(broker)
        async with told(broker, waited_for.id) as job:
            await finish(broker, other)
            await finish(broker, waited_for, State.FAILED)
        assert (job().id, job().state) == (waited_for.id, State.FAILED)

    async def test_a_run_that_is_to_be_repeated_ends_no_wait(self, broker: Broker) -> None:
        claim = await start(broker)
        async with told(broker, claim.id) as job:
            await finish(broker, claim, State.RETRYING)
            await finish(broker, (await take(broker))[0])
        assert job().state is State.COMPLETED

    async def test_many_may_wait_for_one_job(self, broker: Broker) -> None:
        claim = await start(broker)
        seen: list[Job | None] = []

        async def wait() -> None:
            seen.append(await broker.settled(claim.id, SOON))

        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                await finish(broker, claim)
        assert [job is not None and job.state for job in seen] == [State.COMPLETED] * 5

    async def test_nothing_is_lost_to_those_who_do_not_listen(
        self, broker: Broker, offset: Offset
    ) -> None:
        jobs = [new_job(), new_job(delay=10.0)]
        await broker.enqueue(jobs)
        offset.advance(20)
        await promote_all(broker)
        assert sorted(ids_of(await take(broker))) == sorted(ids_of(jobs))

    async def test_listening_begins_with_a_hint_and_may_end_at_any_time(self, broker: Broker) -> None:
        for _ in range(3):
            async with listening(broker):
                pass


@asynccontextmanager
async def told(broker: Broker, id: str) -> AsyncIterator[Callable[[], Job]]:
    """Waits for the job's end while the body brings it about; afterwards, gives the job."""
    seen: list[Job | None] = []

    async def wait() -> None:
        seen.append(await broker.settled(id, 2 * SOON))

    def job() -> Job:
        assert seen and seen[0] is not None, "nobody told that the job has ended"
        return seen[0]

    with anyio.fail_after(SOON):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            yield job


@asynccontextmanager
async def listening(broker: Broker) -> AsyncIterator[AsyncIterator[Wakeup]]:
    """Hints from now on; the first one, which says that listening has begun, is taken."""
    wakeups = broker.wakeups()
    try:
        with anyio.fail_after(SOON):
            await anext(wakeups)
        yield wakeups
    finally:
        close = getattr(wakeups, "aclose", None)
        if close is not None:
            await close()


async def comes(wakeups: AsyncIterator[Wakeup], fits: Callable[[Wakeup], bool]) -> bool:
    """Whether such a hint comes soon."""
    with anyio.move_on_after(SOON):
        async for wakeup in wakeups:
            if fits(wakeup):
                return True
    return False


def ready(queue: str) -> Callable[[Wakeup], bool]:
    return lambda wakeup: wakeup.kind == "ready" and (not wakeup.queues or queue in wakeup.queues)


async def by_enqueueing(broker: Broker, offset: Offset) -> None:
    await broker.enqueue([new_job("mail")])


async def by_promoting(broker: Broker, offset: Offset) -> None:
    await broker.enqueue([new_job("mail", delay=10.0)])
    offset.advance(20)
    await broker.promote(10)


async def by_releasing(broker: Broker, offset: Offset) -> None:
    claim = await start(broker, new_job("mail"))
    await finish(broker, claim, State.PENDING)


async def by_sweeping(broker: Broker, offset: Offset) -> None:
    await start(broker, new_job("mail"))
    offset.advance(100)
    (swept,) = await retake(broker)
    await finish(broker, swept, State.PENDING)


async def by_retrying(broker: Broker, offset: Offset) -> None:
    claim = await start(broker, new_job("mail"))
    await finish(broker, claim, State.FAILED)
    await broker.retry([claim.id])


async def by_firing(broker: Broker, offset: Offset) -> None:
    row = new_row(queue="mail")
    await broker.change([written(row, slot_job(row, PAST))])


READYING = (by_enqueueing, by_promoting, by_releasing, by_sweeping, by_retrying, by_firing)


class StoreHintPromises:
    """For brokers with the capability "hints"."""

    @pytest.mark.parametrize("make_ready", READYING, ids=lambda way: way.__name__)
    async def test_a_ready_job_is_hinted_to_its_own_instance(
        self,
        broker: Broker,
        offset: Offset,
        make_ready: Callable[[Broker, Offset], Awaitable[None]],
    ) -> None:
        async with listening(broker) as wakeups:
            await make_ready(broker, offset)
            assert await comes(wakeups, ready("mail"))

    @pytest.mark.parametrize("make_ready", (by_enqueueing, by_firing), ids=lambda way: way.__name__)
    async def test_a_ready_job_is_hinted_to_other_instances(
        self,
        broker: Broker,
        second: Broker,
        offset: Offset,
        make_ready: Callable[[Broker, Offset], Awaitable[None]],
    ) -> None:
        async with listening(second) as wakeups:
            await make_ready(broker, offset)
            assert await comes(wakeups, ready("mail"))

    async def test_a_wish_to_cancel_is_hinted_with_its_id(self, broker: Broker, second: Broker) -> None:
        claim = await start(broker)
        for cancelling, listens in ((broker, broker), (second, broker)):
            async with listening(listens) as wakeups:
                await cancelling.cancel([claim.id])
                assert await comes(
                    wakeups, lambda wakeup: wakeup.kind == "cancel" and claim.id in wakeup.ids
                )

    async def test_pausing_and_resuming_are_hinted(self, broker: Broker, second: Broker) -> None:
        async with listening(broker) as wakeups:
            await second.pause("mail")
            assert await comes(wakeups, lambda wakeup: wakeup.kind in ("pause", "ready"))
        async with listening(broker) as wakeups:
            await broker.resume("mail")
            assert await comes(wakeups, lambda wakeup: wakeup.kind == "pause")

    async def test_each_listener_gets_its_own(self, broker: Broker) -> None:
        async with listening(broker) as first, listening(broker) as second:
            await broker.enqueue([new_job("mail")])
            assert await comes(first, ready("mail"))
            assert await comes(second, ready("mail"))
