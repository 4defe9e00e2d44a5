"""Jobs go in: idempotent by id and by unique key, of each shard all or nothing."""

from collections.abc import Sequence
from typing import Any

from stoker.brokers.instant import micros, stamp
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import encoded_about
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Enqueued, NewJob


async def enqueue(server: Server, hints: Hints, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Keep these jobs; see `Inbox.enqueue`. A conflict in one shard keeps nothing out of the others."""

    async def ask(shard: int, jobs: Sequence[NewJob]) -> list[Enqueued]:
        return await _enqueue(server, hints, jobs, shard)

    return list(await server.shards.parted(jobs, _id, ask))


def _id(job: NewJob) -> str:
    return job.id


async def _enqueue(server: Server, hints: Hints, jobs: Sequence[NewJob], shard: int) -> list[Enqueued]:
    errors = any(job.unique is not None and job.unique.on_conflict == "error" for job in jobs)
    arguments: list[Argument] = [int(errors)]
    for job in jobs:
        arguments += arguments_of(job)
    hint = hints.may_hint()
    queues, answers = checked(await server.run("enqueue", *arguments, shard=shard, hint=hint))
    hints.made_ready(queues, hinted=hint)
    return list(map(answer_of, answers))


def arguments_of(job: NewJob) -> tuple[Argument, ...]:
    """A job as entering.lua takes it."""
    unique = job.unique
    scope: Argument = ""
    if unique is not None:
        scope = unique.scope if isinstance(unique.scope, str) else micros(unique.scope)
    return (
        job.id,
        job.queue,
        job.priority,
        job.payload,
        encoded_about(job),
        "" if job.at is None else stamp(job.at),
        micros(job.delay),
        "" if job.expires is None else micros(job.expires),
        "" if unique is None else unique.key,
        scope,
        "" if unique is None else unique.on_conflict,
        job.recurring_id or "",
    )


def checked(answer: list[Any]) -> tuple[list[bytes], list[Any]]:
    """Queues with new ready jobs, and what is answered. Raises UniqueConflict if that is the answer."""
    if answer[0] == b"conflict":
        key, queue, holder = (word.decode() for word in answer[1:])
        raise UniqueConflict(key, queue, holder)
    queues, answers = answer
    return queues, answers


def answer_of(word: bytes) -> Enqueued:
    """The id that stands, which a `+` says is new."""
    id = word.decode()
    return Enqueued(id[1:], True) if id.startswith("+") else Enqueued(id, False)
