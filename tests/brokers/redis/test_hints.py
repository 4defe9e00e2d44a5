import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from redis import Redis

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import SOON, finish, new_job, start, take
from stoker.brokers.redis.hints import Hints

from .conftest import until


@asynccontextmanager
async def heard(client: Any, url: str) -> AsyncIterator[list[str]]:
    """All that is published meanwhile, once it is over."""
    messages: list[str] = []
    with client.pubsub() as pubsub:
        pubsub.subscribe(f"stoker:{url.rpartition('/')[2]}:hints")
        assert pubsub.get_message(timeout=SOON)
        yield messages
        client.publish(f"stoker:{url.rpartition('/')[2]}:hints", "the end")
        while (message := pubsub.get_message(timeout=SOON)) and message["data"] != "the end":
            messages.append(message["data"])


async def test_of_many_enqueues_at_once_few_hints_go(client: Redis, redis_url: str) -> None:
    async with heard(client, redis_url) as messages, connect(redis_url) as broker:
        with anyio.fail_after(SOON):
            for _ in range(200):
                await broker.enqueue([new_job("mail")])
    assert messages[0] == "ready mail"
    assert 1 <= len(messages) < 150 and set(messages) == {"ready mail"}


async def test_the_last_hint_goes_also_when_the_program_ends(client: Redis, redis_url: str) -> None:
    async with heard(client, redis_url) as messages, connect(redis_url) as broker:
        await broker.enqueue([new_job("first")])
        await broker.enqueue([new_job("second")])
        await broker.enqueue([new_job("third")])
    assert {word for message in messages for word in message.split()} == {
        "ready", "first", "second", "third"
    }  # fmt: skip


async def test_ends_that_nobody_waits_for_are_not_told(
    broker: Broker, client: Redis, redis_url: str
) -> None:
    claim = await start(broker)
    async with heard(client, redis_url) as messages:
        await finish(broker, claim)
        assert await take(broker) == []
    assert [message for message in messages if message.startswith("settled")] == []


async def test_an_end_is_told_once_to_all_who_wait(
    broker: Broker, client: Redis, redis_url: str
) -> None:
    claim = await start(broker)
    async with heard(client, redis_url) as messages:
        assert await broker.settled(claim.id, 0.0) is None
        assert await broker.settled(claim.id, 0.0) is None
        await finish(broker, claim)
    assert messages.count(f"settled {claim.id}") == 1
    assert client.exists("stoker:{00}:waited") == 0


async def test_without_anybody_listening_there_is_no_subscription(
    broker: Broker, client: Redis
) -> None:
    claim = await start(broker)
    wakeups: Any = broker.wakeups()
    await anext(wakeups)
    assert client.pubsub_channels() == ["stoker:0:hints"]
    await wakeups.aclose()
    assert await broker.settled(claim.id, 0.05) is None
    await until(lambda: client.pubsub_channels() == [])


async def test_strange_messages_are_passed_over(broker: Broker, client: Redis) -> None:
    wakeups: Any = broker.wakeups()
    await anext(wakeups)
    for message in ("", " ", "what", "settled", "settled nobody", "ready"):
        client.publish("stoker:0:hints", message)
    client.publish("stoker:0:hints", "cancel one")
    with anyio.fail_after(SOON):
        while (await anext(wakeups)).kind != "cancel":
            pass
    await wakeups.aclose()


@pytest.mark.parametrize("count", [2])
async def test_the_first_to_leave_does_not_end_the_others_hints(broker: Broker, count: int) -> None:
    listening: list[Any] = [broker.wakeups() for _ in range(count)]
    for wakeups in listening:
        await anext(wakeups)
    await listening[0].aclose()
    await broker.enqueue([new_job("mail")])
    with anyio.fail_after(SOON):
        assert (await anext(listening[1])).queues == ("mail",)
    await listening[1].aclose()


class DeafServer:
    """A server whose driver swallows the first cancellation of a subscription that is being made."""

    channel = "hints"
    address = "nowhere"

    def __init__(self) -> None:
        self.subscribing = anyio.Event()

    async def wire(self, *, hear: Any) -> Any:
        return self

    async def ask(self, *words: str) -> None:
        self.subscribing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    def close(self) -> None:
        pass


async def test_closing_does_not_wait_for_a_driver_that_swallows_a_cancellation() -> None:
    server = DeafServer()
    hints = Hints(server)  # type: ignore[arg-type]
    listening = asyncio.ensure_future(anext(hints.wakeups()))
    with anyio.fail_after(SOON):
        await server.subscribing.wait()
        listening.cancel()
        await asyncio.wait([listening])
        await hints.close()
