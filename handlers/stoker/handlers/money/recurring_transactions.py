"""The handler `money.process_recurring_transactions`."""

from stoker.handlers import Cancel, Context, Fail, Retry, handler, resource
from stoker.handlers.money.books import Books, open_books
from stoker.handlers.money.processing import Processed, process

CATCH_UP = 60
"""Dates of one definition that a run makes up: a year of weeks, five years of months."""
MOST_CATCH_UP = 1_000


@handler(
    "money.process_recurring_transactions",
    queue="money",
    timeout="30m",
    retry=Retry(max_attempts=3, base="30s"),
)
def process_recurring_transactions(
    ctx: Context, catch_up: int = CATCH_UP, *, books: Books = resource(open_books)
) -> Processed:
    """Make the transactions that are due of all enabled definitions, each date once.

    What was missed is made up, the oldest first, at most `catch_up` dates of one definition a run. A
    definition that cannot be booked is logged and counted, and tried again by the next run; the job
    completes all the same. It fails, and is retried, if the database does not answer.
    """
    if not 1 <= catch_up <= MOST_CATCH_UP:
        raise Fail(f"catch_up lies between 1 and {MOST_CATCH_UP}, not {catch_up}")

    def check() -> None:
        if ctx.cancelled:
            raise Cancel(ctx.cancel_reason)

    return process(ctx, books, catch_up, check)
