"""The periodic rounds: what is due becomes ready, what was left is taken over, the old goes."""

from collections.abc import Sequence

from stoker.brokers.postgres.literals import plain
from stoker.brokers.postgres.records import claim_of
from stoker.brokers.postgres.session import Session
from stoker.jobs.job import Claim
from stoker.jobs.operating import Keep, Promotion, Retention

FOLD_FROM = 1000
"""Rows of counts from which on they are folded."""
DAYS_AHEAD = 2
"""Days, with today, that partitions are there for."""
_MAKE_DAYS = f"SELECT stoker.make_days({DAYS_AHEAD})"
_DROP_DAYS = (
    "SELECT stoker.drop_days($1, statement_timestamp() - make_interval(secs => CAST($2 AS float8)))"
)


async def expire(session: Session, ids: Sequence[str], limit: int) -> int:
    """Skip waiting jobs that should have started by now: of these ids, or of all. Says how many."""
    skipped = await session.rows(session.sql.expire, plain(ids), limit)
    session.notes.settled += [id for id, awaited in skipped if awaited]
    return len(skipped)


async def promote(session: Session, limit: int) -> Promotion:
    """See `Upkeep.promote`."""
    expired = await expire(session, (), limit)
    counted = await session.rows(session.sql.promote, limit)
    promoted = sum(count for _, count in counted)
    queues = tuple(sorted(queue for queue, _ in counted))
    session.notes.ready.update(queues)
    due = await session.rows(session.sql.next_due)
    await session.rows(session.sql.tally_fold, FOLD_FROM)
    return Promotion(
        promoted=promoted,
        expired=expired,
        queues=queues,
        next_due=max(0.0, due[0][0]) if due else None,
        more=promoted >= limit or expired >= limit,
    )


async def reclaim(
    session: Session, limit: int, *, token: str, lease: float, worker: str | None
) -> list[Claim]:
    """See `Upkeep.reclaim`."""
    rows = await session.rows(session.sql.reclaim, worker, limit, token, lease)
    return [claim_of(row if row[18] else row[:18], token) for row in rows]


async def prune(session: Session, retention: Retention, limit: int) -> int:
    """See `Upkeep.prune`. Days that are past retention go whole, however many jobs they hold."""
    gone = 0
    await session.rows(session.sql.tally_fold, 0)
    for state, keep in retention.items():
        if gone < limit:
            gone += await _prune_state(session, str(state), keep, limit - gone)
    await session.rows(session.sql.forget)
    await session.rows(_MAKE_DAYS)
    return gone


async def _prune_state(session: Session, state: str, keep: Keep, limit: int) -> int:
    gone = 0
    if keep.age is not None:
        gone += (await session.rows(_DROP_DAYS, state, keep.age))[0][0]
        if gone < limit:
            gone += (await session.rows(session.sql.prune_aged, state, keep.age, limit - gone))[0][0]
    if keep.count is not None and gone < limit:
        beyond = await session.rows(session.sql.prune_beyond, state, keep.count, limit - gone)
        gone += beyond[0][0]
    return gone
