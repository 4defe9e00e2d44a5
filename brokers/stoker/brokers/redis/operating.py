"""What operators do: cancel, retry, pause; and what daemons say of themselves."""

from collections.abc import Sequence

import msgspec

from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import id_bytes
from stoker.brokers.redis.server import SHARD, Server
from stoker.jobs.codec import storable
from stoker.jobs.operating import CancelAnswer, RetryAnswer, TypeInfo, Worker

AT_ONCE = 200
"""Jobs of one script: the server does nothing else meanwhile."""
TYPES = SHARD + b":types"
_PLAIN = frozenset({"retried", "not_final", "unknown"})


async def cancel(server: Server, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
    """See `Operate.cancel`."""
    said = (int(reason is not None), storable(reason or ""))
    answers: list[CancelAnswer] = []
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        verdicts = await server.run("cancel", *said, *map(id_bytes, some))
        answers += [
            CancelAnswer(id, verdict.decode()) for id, verdict in zip(some, verdicts, strict=True)
        ]
    return answers


async def retry(server: Server, hints: Hints, ids: Sequence[str]) -> list[RetryAnswer]:
    """See `Operate.retry`."""
    answers: list[RetryAnswer] = []
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        hint = hints.may_hint()
        queues, words = await server.run("retry", *map(id_bytes, some), hint=hint)
        hints.made_ready(queues, hinted=hint)
        answers += [_retried(id, word.decode()) for id, word in zip(some, words, strict=True)]
    return answers


def _retried(id: str, word: str) -> RetryAnswer:
    if word in _PLAIN:
        return RetryAnswer(id, word)  # type: ignore[arg-type]
    return RetryAnswer(id, "unique_taken", word)


async def pause(server: Server, pattern: str, reason: str | None) -> None:
    """See `Operate.pause`."""
    await server.run("pause", storable(pattern), int(reason is not None), storable(reason or ""))


async def resume(server: Server, pattern: str) -> bool:
    """See `Operate.resume`."""
    return bool(await server.run("resume", storable(pattern)))


async def announce(server: Server, worker: Worker) -> None:
    """See `Crew.announce`."""
    await server.run("announce", worker.name, msgspec.json.encode(worker))


async def depart(server: Server, name: str) -> None:
    """See `Crew.depart`."""
    await server.run("depart", name)


async def publish(server: Server, types: Sequence[TypeInfo]) -> None:
    """See `Crew.publish`."""
    pairs = [word for each in types for word in (each.name.encode(), msgspec.json.encode(each))]
    await server.command("HSET", TYPES, *pairs)
