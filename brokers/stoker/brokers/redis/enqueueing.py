"""Jobs go in: idempotent by id and by unique key, all of a call or nothing."""

from collections.abc import Sequence

from stoker.brokers.instant import micros, stamp
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.records import encoded_about
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Enqueued, NewJob


async def enqueue(server: Server, hints: Hints, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Keep these jobs; see `Inbox.enqueue`."""
    errors = any(job.unique is not None and job.unique.on_conflict == "error" for job in jobs)
    arguments: list[Argument] = [int(errors)]
    for job in jobs:
        arguments += _arguments(job)
    hint = hints.may_hint()
    queues, answers = _checked(await server.run("enqueue", *arguments, hint=hint))
    hints.made_ready(queues, hinted=hint)
    return [_answer(answer.decode()) for answer in answers]


def _arguments(job: NewJob) -> tuple[Argument, ...]:
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


def _checked(answer: list[object]) -> tuple[list[bytes], list[bytes]]:
    if answer[0] == b"conflict":
        key, queue, holder = (word.decode() for word in answer[1:] if isinstance(word, bytes))
        raise UniqueConflict(key, queue, holder)
    queues, answers = answer
    return queues, answers  # type: ignore[return-value]


def _answer(word: str) -> Enqueued:
    created = word.startswith("+")
    return Enqueued(word[1:] if created else word, created)
