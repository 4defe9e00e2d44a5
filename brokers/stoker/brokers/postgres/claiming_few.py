"""Ready jobs go out where they are few: all of them, by a statement that asks for no order.

Most claims that follow a hint find a job or two. What finds its way through a backlog, queue by queue
and priority by priority, takes longer to begin than it takes to hand those out.
"""

from collections.abc import Sequence

from stoker.brokers.postgres.claiming import Floors, Turns
from stoker.brokers.postgres.claiming import claim as claim_in_order
from stoker.brokers.postgres.records import claim_of
from stoker.brokers.postgres.session import Session
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet


class Dry:
    """Sets of queues that had less than was last asked of them. One per broker instance."""

    def __init__(self) -> None:
        self._sets: set[QueueSet] = set()

    def __contains__(self, queues: QueueSet) -> bool:
        return queues in self._sets

    def learn(self, queues: QueueSet, taken: Sequence[Claim], limit: int) -> None:
        """From what a claim brought."""
        if len(taken) < limit:
            self._sets.add(queues)
        else:
            self._sets.discard(queues)


async def claim(
    session: Session,
    dry: Dry,
    turns: Turns,
    floors: Floors,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`."""
    taken = None
    if queues in dry:
        taken = await _all(session, turns, queues, limit, worker=worker, token=token, lease=lease)
    if taken is None:
        taken = await claim_in_order(
            session,
            turns,
            floors,
            queues,
            limit,
            worker=worker,
            token=token,
            lease=lease,
            lowest_first=lowest_first,
        )
    dry.learn(queues, taken, limit)
    return taken


async def _all(
    session: Session,
    turns: Turns,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
) -> list[Claim] | None:
    """None if they are too many, or some are to be looked at more closely."""
    asked = turns.asked(queues)
    if asked.names:
        return None  # a few queues by name are found as quickly in order
    rows = await session.rows(
        session.sql.claim_few, asked.include, asked.exclude, limit, token, worker, lease
    )
    if not rows[0][-1]:
        return None
    return [claim_of(row[:-1], token) for row in rows if row[0] is not None]
