import logging
from typing import Any

import pytest

from stoker.brokers import connect
from stoker.brokers.redis.advice import problems

from .conftest import NewServer


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"maxmemory_policy": "noeviction", "aof_enabled": 1, "aof_last_write_status": "ok"}, []),
        ({"maxmemory_policy": "allkeys-lru", "aof_enabled": 1}, ["maxmemory-policy allkeys-lru"]),
        ({"maxmemory_policy": "noeviction", "aof_enabled": 0}, ["appendonly yes"]),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, ["could not write"]),
        ({"maxmemory_policy": "volatile-ttl", "aof_enabled": 0}, ["volatile-ttl", "appendonly yes"]),
        ({}, []),
    ],
)
def test_what_may_lose_jobs_is_named_with_what_would_be_right(
    info: dict[str, Any], words: list[str]
) -> None:
    found = problems(info)
    assert len(found) == len(words)
    assert all(word in problem for word, problem in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("--appendonly", "yes"), []),
        ((), ["append-only"]),
        (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), ["evicts keys"]),
    ],
)
async def test_a_server_that_may_lose_jobs_is_warned_of_at_start(
    new_redis: NewServer,
    caplog: pytest.LogCaptureFixture,
    settings: tuple[str, ...],
    words: list[str],
) -> None:
    caplog.set_level(logging.WARNING, "stoker.brokers.redis")
    with new_redis(*settings) as server, server.serving():
        async with connect(server.address):
            pass
    warned = [record.getMessage() for record in caplog.records]
    assert len(warned) == len(words)
    assert all(word in text for word, text in zip(words, warned, strict=True))
