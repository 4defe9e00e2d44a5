"""Goes through all definitions, a batch at a time, and books what is due."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from stoker.handlers.context import Context
from stoker.handlers.money.books import Books, Standing

MOST_TOLD = 100
"""Definitions that a run names in its log; the others are in its counts."""


class Processed(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did."""

    definitions: int = 0
    """Enabled ones that were looked at."""
    created: int = 0
    """Transactions."""
    behind: int = 0
    """Definitions with more due than one run makes up; the next run goes on."""
    failed: int = 0
    """Definitions that nothing could be made of; the log says why."""


def process(ctx: Context, books: Books, most: int, check: Callable[[], None]) -> Processed:
    """Make every transaction that is due, at most so many of one definition.

    A definition that cannot be booked never keeps the others back: it is logged and counted. `check`
    is called between batches and may raise; what was booked by then stays. Blocks.
    """
    goal = books.enabled()
    ctx.progress(0, f"{goal:,} definitions")
    done, told = Processed(), 0
    for batch in books.batches(most):
        check()
        booked = books.book([one.id for one in batch if one.due.dates], most)
        for line in islice(_warnings((*batch, *booked)), MOST_TOLD - told):
            ctx.log(line, "warning")
            told += 1
        done = _plus(done, batch, booked)
        percent = min(99.0, 100 * done.definitions / max(goal, 1))
        ctx.progress(percent, f"{done.definitions:,} of {goal:,}")
    check()
    summary = f"{done.created:,} created, {done.behind:,} behind, {done.failed:,} failed"
    ctx.log(f"{done.definitions:,} definitions: {summary}")
    ctx.progress(100, summary)
    return done


def _warnings(standings: Sequence[Standing]) -> Iterator[str]:
    """What an operator should know, one line for each definition that it is about."""
    for one in standings:
        if one.error is not None:
            yield f"definition {one.id} was not processed: {one.error}"


def _plus(done: Processed, batch: Sequence[Standing], booked: Sequence[Standing]) -> Processed:
    return Processed(
        definitions=done.definitions + len(batch),
        created=done.created + sum(len(one.due.dates) for one in booked),
        behind=done.behind + sum(one.due.behind for one in booked),
        failed=done.failed + sum(one.error is not None for one in (*batch, *booked)),
    )
