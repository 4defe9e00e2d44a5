"""What operators do: cancel, retry, pause; and what daemons say of themselves."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.server import Server
from stoker.jobs.codec import storable
from stoker.jobs.operating import CancelAnswer, RetryAnswer, TypeInfo, Worker

AT_ONCE = 200
"""Jobs of one script: the server does nothing else meanwhile."""
TYPES = "types"
_PLAIN = frozenset({"retried", "not_final", "unknown"})


async def cancel(server: Server, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
    """See `Operate.cancel`."""
    said = (int(reason is not None), storable(reason or ""))

    async def ask(shard: int, ids: Sequence[str]) -> list[Any]:
        verdicts: list[Any] = []
        for begin in range(0, len(ids), AT_ONCE):
            some = map(id_bytes, ids[begin : begin + AT_ONCE])
            verdicts += await server.run("cancel", *said, *some, shard=shard)
        return verdicts

    verdicts = await server.shards.parted(ids, str, ask)
    return [CancelAnswer(id, verdict.decode()) for id, verdict in zip(ids, verdicts, strict=True)]


async def retry(server: Server, hints: Hints, ids: Sequence[str]) -> list[RetryAnswer]:
    """See `Operate.retry`."""

    async def ask(shard: int, ids: Sequence[str]) -> list[Any]:
        answers: list[Any] = []
        for begin in range(0, len(ids), AT_ONCE):
            some = map(id_bytes, ids[begin : begin + AT_ONCE])
            hint = hints.may_hint()
            queues, words = await server.run("retry", *some, shard=shard, hint=hint)
            hints.made_ready(queues, hinted=hint)
            answers += words
        return answers

    words = await server.shards.parted(ids, str, ask)
    return [_retried(id, word.decode()) for id, word in zip(ids, words, strict=True)]


def _retried(id: str, word: str) -> RetryAnswer:
    if word in _PLAIN:
        return RetryAnswer(id, word)  # type: ignore[arg-type]
    return RetryAnswer(id, "unique_taken", word)


async def pause(server: Server, pattern: str, reason: str | None) -> None:
    """See `Operate.pause`. Every shard keeps it, for its own claims to see."""
    words = storable(pattern), int(reason is not None), storable(reason or "")
    await server.shards.each(lambda shard: server.run("pause", *words, shard=shard))


async def resume(server: Server, pattern: str) -> bool:
    """See `Operate.resume`."""
    word = storable(pattern)
    return any(await server.shards.each(lambda shard: server.run("resume", word, shard=shard)))


async def announce(server: Server, worker: Worker) -> None:
    """See `Crew.announce`."""
    await server.run("announce", worker.name, msgspec.json.encode(worker))


async def depart(server: Server, name: str) -> None:
    """See `Crew.depart`. Its consumers may be in any shard."""
    await server.shards.each(lambda shard: server.run("depart", name, shard=shard))


async def publish(server: Server, types: Sequence[TypeInfo]) -> None:
    """See `Crew.publish`."""
    pairs = [word for each in types for word in (each.name.encode(), msgspec.json.encode(each))]
    await server.command("HSET", server.key(TYPES), *pairs)
