import asyncio
from typing import Any

import anyio
import msgspec
import pytest

from stoker.brokers import Broker
from stoker.brokers.sqlite import hints
from stoker.client import Client
from stoker.client.results import LONGEST_WAIT
from stoker.jobs.clock import Offset
from stoker.jobs.errors import (
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobSkipped,
    NoResult,
    ResultExpired,
)
from stoker.jobs.ids import derived_id
from stoker.jobs.operating import Keep
from stoker.jobs.outcome import Done, Raised, Skipped, Stopped
from stoker.jobs.state import State

from .conftest import Report, Worker, generate, plain

UNKNOWN = derived_id("default", "nobody", 1_800_000_000)


async def test_the_result_is_what_the_handler_returned(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(generate.bind("a"))
    await worker.run(Done(b'{"path":"a.pdf","rows":3}'))
    assert await handle.result(timeout=5) == Report("a.pdf", 3)


async def test_by_name_it_is_what_was_said_or_plain_data(client: Client, worker: Worker) -> None:
    handle = await client.enqueue("reports.generate", {"kind": "a"})
    await worker.run(Done(b'{"path":"a.pdf","rows":3}'))
    assert await handle.result() == {"path": "a.pdf", "rows": 3}
    assert await client.handle(handle.id).result() == {"path": "a.pdf", "rows": 3}
    assert await client.handle(handle.id, returns=Report).result() == Report("a.pdf", 3)


async def test_nothing_is_a_result_too(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    await worker.run(Done(b"null"))
    assert await client.handle(handle.id).result(timeout=5) is None


async def test_a_waiting_caller_is_woken_when_the_job_ends(
    client: Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "SETTLED_LOOK", 3600.0)  # no look helps, only a hint
    handle = await client.enqueue(plain.bind())
    with anyio.fail_after(10):
        waiting = asyncio.ensure_future(handle.result(timeout="1m"))
        [claim] = await worker.claim()
        assert not waiting.done()
        await worker.end(claim, Done(b"7"))
        assert await waiting == 7


async def test_several_callers_may_wait_for_one_job(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    with anyio.fail_after(10):
        waiting = [asyncio.ensure_future(handle.result()) for _ in range(5)]
        await worker.run(Done(b"7"))
        assert await asyncio.gather(*waiting) == [7] * 5


async def test_a_long_wait_is_several_calls_to_the_broker(broker: Broker, worker: Worker) -> None:
    waits: list[float] = []

    class Impatient:
        """Ends each wait at once, as after its time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(broker, name)

        async def settled(self, id: str, timeout: float) -> Any:
            waits.append(timeout)
            if len(waits) == 3:
                await worker.run(Done(b"7"))
                return await broker.settled(id, timeout)
            return None

    impatient: Any = Impatient()
    async with Client(impatient) as client:
        handle = await client.enqueue(plain.bind())
        assert await handle.result() == 7
    assert waits == [LONGEST_WAIT] * 3


@pytest.mark.parametrize(
    ("ending", "error", "text"),
    [
        (Raised("ValueError: no", for_good=True), JobFailed, "failed: ValueError: no"),
        (Stopped("not needed"), JobCancelled, "was cancelled: not needed"),
        (Stopped(), JobCancelled, "was cancelled"),
        (Skipped("nothing new"), JobSkipped, "was skipped: nothing new"),
        (
            Done(None, "the result is not kept: it has 9,999,999 bytes"),
            ResultExpired,
            "completed, but the",
        ),
    ],
)
async def test_an_end_without_a_result_is_raised(
    client: Client, worker: Worker, ending: Any, error: type[NoResult], text: str
) -> None:
    handle = await client.enqueue(plain.bind())
    await worker.run(ending)
    with pytest.raises(error) as caught:
        await handle.result(timeout=5)
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"job {handle.id} (plain) {text}")
    assert caught.value.id == handle.id


async def test_a_job_that_expires_is_skipped(client: Client, worker: Worker, offset: Offset) -> None:
    handle = await client.enqueue(plain.bind(), expires=60)
    offset.advance(61)
    await worker.claim()
    with pytest.raises(JobSkipped, match="was skipped: expired"):
        await handle.result(timeout=5)


async def test_a_job_that_takes_longer_is_a_timeout(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    await worker.claim()
    with pytest.raises(TimeoutError) as caught:
        await handle.result(timeout=0.01)
    assert str(caught.value) == (f"job {handle.id} (plain) has not ended within 10ms: it is running")


async def test_a_wait_of_no_length_still_looks(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    with pytest.raises(TimeoutError, match="it is pending"):
        await handle.result(timeout=0)
    await worker.run(Done(b"7"))
    assert await handle.result(timeout=0) == 7


async def test_a_timeout_that_is_no_duration_is_refused(client: Client) -> None:
    handle = await client.enqueue(plain.bind())
    with pytest.raises(ValueError, match="'soon' is not a duration"):
        await handle.result(timeout="soon")


async def test_an_unknown_id_is_not_found(client: Client) -> None:
    for id in (UNKNOWN, "42", "\ud800"):
        handle = client.handle(id)
        for ask in (handle.result(timeout=5), handle.status(), client.status(id), client.job(id)):
            with pytest.raises(JobNotFound) as caught:
                await ask
            assert str(caught.value) == f"there is no job {id!r}, or no longer"


async def test_the_result_of_a_pruned_job_has_expired(
    client: Client, broker: Broker, worker: Worker, offset: Offset
) -> None:
    handle = await client.enqueue(plain.bind())
    await worker.run()
    offset.advance(60)
    assert await broker.prune({State.COMPLETED: Keep(age=1)}, 100) == 1
    with pytest.raises(ResultExpired, match="has ended, and its record has been pruned"):
        await handle.result(timeout=5)
    with pytest.raises(JobNotFound):
        await client.handle(handle.id).result(timeout=5)
    with pytest.raises(JobNotFound):
        await handle.status()


@pytest.mark.parametrize(
    ("returns", "text"),
    [
        (Report, "its result cannot be read as Report: Expected `object`, got `int`"),
        (int | None, None),
        (dict[str, int], "its result cannot be read as dict"),
    ],
)
async def test_a_result_that_is_something_else_is_no_result(
    client: Client, worker: Worker, returns: Any, text: str | None
) -> None:
    handle = await client.enqueue("plain", returns=returns)
    await worker.run(Done(b"7"))
    if text is None:
        assert await handle.result(timeout=5) == 7
        return
    with pytest.raises(NoResult) as caught:
        await handle.result(timeout=5)
    assert str(caught.value).startswith(f"job {handle.id} (plain) completed, but {text}")


async def test_a_handle_cancels_and_retries_its_job(client: Client, worker: Worker) -> None:
    handle = await client.enqueue(plain.bind())
    assert await handle.cancel("not needed") == "cancelled"
    assert (await handle.status()).reason == "not needed"
    await handle.retry()
    assert (await handle.status()).state is State.PENDING
    await worker.run(Done(msgspec.json.encode(7)))
    assert await handle.result() == 7


async def test_a_handle_shows_its_job(client: Client) -> None:
    assert repr(client.handle("an id")) == "<job an id>"
