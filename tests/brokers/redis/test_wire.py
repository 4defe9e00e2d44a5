import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from redis import exceptions

from stoker.brokers.conformance.making import SOON
from stoker.brokers.redis import wire as wires
from stoker.brokers.redis.address import parse
from stoker.brokers.redis.connections import open_stream
from stoker.brokers.redis.wire import Wire


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[Wire]:
    wire = Wire(await open_stream(parse(redis_url)))
    yield wire
    wire.close()


async def test_answers_come_to_those_who_asked(wire: Wire) -> None:
    asked = [wire.ask("ECHO", str(number)) for number in range(50)]
    assert await asyncio.gather(*asked) == [str(number).encode() for number in range(50)]


async def test_an_error_is_one_answer_among_others(wire: Wire) -> None:
    answers = await asyncio.gather(
        wire.ask("ECHO", "one"), wire.ask("NONSENSE"), wire.ask("ECHO", "two"), return_exceptions=True
    )
    assert (answers[0], answers[2]) == (b"one", b"two")
    assert isinstance(answers[1], exceptions.ResponseError)


async def test_who_gives_up_waiting_disturbs_nobody(wire: Wire) -> None:
    gone = asyncio.create_task(wire.ask("ECHO", "one"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await wire.ask("ECHO", "two") == b"two"
    assert gone.cancelled()


async def test_large_questions_and_answers_pass(wire: Wire) -> None:
    large = b"x" * 5_000_000
    assert await wire.ask("ECHO", large) == large


async def test_without_an_answer_it_is_closed(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "ANSWER_WITHIN", 0.05)
    with anyio.fail_after(SOON), pytest.raises(TimeoutError, match="no answer"):
        await wire.ask("BLPOP", "nothing-comes-here", 0)
    assert wire.lost.is_set()
    with pytest.raises(exceptions.ConnectionError):
        await wire.ask("PING")


async def test_who_waits_when_the_connection_goes_is_told(wire: Wire, client: Any) -> None:
    number = await wire.ask("CLIENT", "ID")
    waiting = asyncio.create_task(wire.ask("BLPOP", "nothing-comes-here", 0))
    await asyncio.sleep(0)
    client.client_kill_filter(_id=number)
    with anyio.fail_after(SOON):
        with pytest.raises(exceptions.ConnectionError):
            await waiting
        await wire.lost.wait()


async def test_what_is_published_is_heard_between_answers(redis_url: str, client: Any) -> None:
    heard: list[bytes] = []
    wire = Wire(await open_stream(parse(redis_url)), hear=heard.append)
    await wire.ask("SUBSCRIBE", "news")
    client.publish("news", "one")
    client.publish("news", "two")
    assert await wire.ask("PING") == [b"pong", b""]
    assert heard == [b"one", b"two"]
    wire.close()
