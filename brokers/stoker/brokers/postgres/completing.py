"""The common end of a run: it has succeeded at once, and left nothing but a result."""

from collections.abc import Iterable

from stoker.brokers.postgres.literals import plain, texts
from stoker.brokers.postgres.session import Session
from stoker.brokers.postgres.telling import IDS_PER_LETTER
from stoker.jobs.job import Settlement
from stoker.jobs.state import State

Key = tuple[str, str]
"""Id and token."""


def is_plain(settlement: Settlement) -> bool:
    """Whether it is nothing else, and can be kept as it is if its result can."""
    return (
        settlement.state is State.COMPLETED
        and settlement.attempts == 1
        and settlement.begun
        and not (settlement.crashes or settlement.solo_deaths or settlement.returns)
        and settlement.reason is None
        and settlement.error is None
        and settlement.progress is None
        and settlement.progress_message is None
        and settlement.run is None
        and not (settlement.logs or settlement.dropped_logs or settlement.delay)
        and settlement.token.isalnum()
        and settlement.token.isascii()
    )


async def complete(session: Session, ended: Iterable[Settlement]) -> set[Key]:
    """Write plain ones; says which were accepted. What somebody has locked is not."""
    # In the order of their ids, in which everybody locks rows.
    given = sorted(ended, key=_id)
    if not given:
        return set()
    rows = await session.rows(
        session.sql.complete,
        plain([each.id for each in given]),
        plain([each.token for each in given]),
        texts([None if each.result is None else each.result.decode() for each in given]),
    )
    awaited = [row[0] for row in rows if row[2]]
    if len(awaited) > IDS_PER_LETTER:  # too many for the statement's own letter
        session.notes.settled += awaited
    return {(row[0], row[1]) for row in rows}


def _id(settlement: Settlement) -> str:
    return settlement.id
