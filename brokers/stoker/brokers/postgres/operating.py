"""What operators do: cancel, retry, pause; and what daemons say of themselves."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from stoker.brokers.keepable import text_or_none
from stoker.brokers.postgres.claiming import expression
from stoker.brokers.postgres.literals import plain, texts
from stoker.brokers.postgres.looking import states_of
from stoker.brokers.postgres.records import known_ids
from stoker.brokers.postgres.session import Session
from stoker.jobs.codec import storable
from stoker.jobs.ids import queue_byte
from stoker.jobs.operating import CancelAnswer, RetryAnswer, TypeInfo, Worker


async def cancel(session: Session, ids: Sequence[str], reason: str | None) -> list[CancelAnswer]:
    """See `Operate.cancel`."""
    verdicts: dict[str, Literal["cancelled", "requested", "final", "unknown"]] = {}
    asked = sorted(known_ids(ids))
    if asked:
        rows = await session.rows(session.sql.cancel, plain(asked), text_or_none(reason))
        for id, state, awaited in rows:
            verdicts[id] = "requested" if state == "running" else "cancelled"
            if state == "running":
                session.notes.cancelled.append(id)
            elif awaited:
                session.notes.settled.append(id)
        left = [id for id in asked if id not in verdicts]
        if left:
            verdicts |= dict.fromkeys(await states_of(session, left), "final")
    answers = []
    for id in ids:
        answers.append(CancelAnswer(id, verdicts.get(id, "unknown")))
        if verdicts.get(id) == "cancelled":
            verdicts[id] = "final"
    return answers


async def retry(session: Session, ids: Sequence[str]) -> list[RetryAnswer]:
    """See `Operate.retry`."""
    asked = known_ids(ids)
    answers: dict[str, RetryAnswer] = {}
    if asked:
        async with session.whole():
            granted = await _granted(session, asked, answers)
            if granted:
                for id, queue in await session.rows(session.sql.retry, plain(granted)):
                    answers[id] = RetryAnswer(id, "retried")
                    session.notes.ready.add(queue)
        left = [id for id in asked if id not in answers]
        for id in await states_of(session, left) if left else ():
            answers[id] = RetryAnswer(id, "not_final")
    told = []
    for id in ids:
        told.append(answers.get(id, RetryAnswer(id, "unknown")))
        if told[-1].verdict == "retried":
            answers[id] = RetryAnswer(id, "not_final")
    return told


async def _granted(
    session: Session, asked: Sequence[str], answers: dict[str, RetryAnswer]
) -> list[str]:
    """Those of these jobs that have ended, and whose unique keys are theirs again."""
    granted = []
    rows = await session.rows(session.sql.retry_look, plain(asked))
    ended: dict[str, str | None] = dict(rows)
    for id in asked:  # of two with one key, the first gets it
        if id not in ended:
            continue
        if ended[id] is not None:
            holder = await _holder(session, id)
            if holder != id:
                answers[id] = RetryAnswer(id, "unique_taken", holder)
                continue
        granted.append(id)
    return granted


async def _holder(session: Session, id: str) -> str:
    """Who has this ended job's key, now that it was offered to the job."""
    while not (found := await session.rows(session.sql.retry_key, id)):
        pass  # somebody took it at this very moment, and is seen by the next statement
    holder: str = found[0][0]
    return holder


async def pause(session: Session, pattern: str, reason: str | None) -> None:
    """See `Operate.pause`."""
    pattern = storable(pattern)
    await session.rows(session.sql.pause, pattern, expression((pattern,)), text_or_none(reason))
    session.notes.paused = True


async def resume(session: Session, pattern: str) -> bool:
    """See `Operate.resume`."""
    was_there = bool(await session.rows(session.sql.resume, storable(pattern)))
    session.notes.paused = was_there
    return was_there


async def announce(session: Session, worker: Worker) -> None:
    """See `Crew.announce`."""
    await session.rows(session.sql.announce, worker.name, msgspec.json.encode(worker).decode())


async def publish(session: Session, types: Sequence[TypeInfo]) -> None:
    """See `Crew.publish`."""
    newest = {each.name: msgspec.json.encode(each).decode() for each in types}
    names, queues = sorted(newest), sorted({each.queue for each in types})
    await session.rows(
        session.sql.publish,
        texts(names),
        texts(newest[name] for name in names),
        texts(queues),
        plain(f"{queue_byte(queue):02x}" for queue in queues),
    )
