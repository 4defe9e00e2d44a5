"""What stands in the records of running jobs: looked at before a write that needs a current token."""

from collections.abc import Sequence

import msgspec

from stoker.brokers.sqlite.records import ids_text
from stoker.brokers.sqlite.transaction import Transaction


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A job's record, as far as the fence and a settlement need it."""

    id: str
    token: str | None
    """Of the run that holds the job now."""
    settled_token: str | None
    seq: int
    queue: str
    unique_key: str | None
    cancel_requested: int
    cancel_reason: str | None
    log_lines: int

    def after(self, token: str) -> "Standing":
        """As it stands once this token has settled it."""
        return msgspec.structs.replace(self, token=None, settled_token=token)

    def with_lines(self, lines: int) -> "Standing":
        """As it stands once so many lines have been logged."""
        return msgspec.structs.replace(self, log_lines=lines)


def standing_of(tx: Transaction, ids: Sequence[str]) -> dict[str, Standing]:
    """The records of these jobs, by id; unknown ones are missing."""
    return {row[0]: Standing(*row) for row in tx.rows(tx.sql.standing, (ids_text(ids),))}
