"""Taking rows out of the outbox, and writing back what became of them: each one guarded statement.

Calls block; from the event loop they go through a thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, and_, func, inspect, or_, select, update

from stoker.handlers.database import VARIABLE, open_database
from stoker.handlers.mail.message import Mail
from stoker.handlers.mail.outbox import outbox
from stoker.handlers.mail.verdict import Change, Row
from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.codec import storable
from stoker.jobs.errors import ConfigError

CLAIM = 300.0
"""Seconds for which a run holds what it claimed, by this host's clock. Hosts that drain one outbox must
agree on the time to well within it."""

_FIELDS = (
    outbox.c.id,
    outbox.c.recipients,
    outbox.c.delivered,
    outbox.c.sender,
    outbox.c.reply_to,
    outbox.c.subject,
    outbox.c.text,
    outbox.c.html,
    outbox.c.priority,
    outbox.c.next_attempt_at,
    outbox.c.attempts,
    outbox.c.max_attempts,
    outbox.c.message_id,
)


class Outbox:
    """The table, as the runs that send from it see it."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self._clock = clock or SystemClock()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def claim(self, run: str, limit: int) -> list[Row]:
        """At most `limit` due rows for this run, the most urgent first, for CLAIM seconds."""
        now = self.now()
        due = (
            select(outbox.c.id)
            .where(self._due(now))
            .order_by(outbox.c.priority.desc(), outbox.c.next_attempt_at, outbox.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)  # where the database knows it; SQLite has one writer
            .cte("due")
        )
        statement = (
            update(outbox)
            .where(outbox.c.id.in_(select(due.c.id)))
            .values(claimed_by=run, claimed_until=now + timedelta(seconds=CLAIM))
            .returning(*_FIELDS)
        )
        with self.engine.begin() as connection:
            found = connection.execute(statement).all()
        found = sorted(found, key=lambda row: (-row.priority, row.next_attempt_at, row.id))
        return [_row(row) for row in found]

    def record(self, run: str, row: Row, change: Change) -> bool:
        """Write what became of a row and end its claim; False if this run's claim had lapsed."""
        statement = (
            update(outbox)
            .where(outbox.c.id == row.id, outbox.c.claimed_by == run, outbox.c.status == "pending")
            .values(
                status=change.status,
                attempts=change.attempts,
                delivered=list(change.delivered),
                next_attempt_at=change.next_attempt_at,
                last_error=storable(change.last_error, 2000) if change.last_error else None,
                sent_at=change.sent_at,
                claimed_by=None,
                claimed_until=None,
            )
        )
        with self.engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def release(self, run: str) -> None:
        """Give back every row that this run still holds."""
        with self.engine.begin() as connection:
            connection.execute(
                update(outbox)
                .where(outbox.c.claimed_by == run, outbox.c.status == "pending")
                .values(claimed_by=None, claimed_until=None)
            )

    def due(self) -> int:
        """How many rows a run could claim now."""
        with self.engine.connect() as connection:
            statement = select(func.count()).select_from(outbox).where(self._due(self.now()))
            return int(connection.execute(statement).scalar_one())

    @staticmethod
    def _due(now: datetime) -> Any:
        unclaimed = or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= now)
        return and_(outbox.c.status == "pending", outbox.c.next_attempt_at <= now, unclaimed)


def _row(row: Any) -> Row:
    mail = Mail(
        to=tuple(row.recipients),
        subject=row.subject,
        text=row.text,
        html=row.html,
        sender=row.sender,
        reply_to=row.reply_to,
    )
    return Row(
        id=row.id,
        mail=mail,
        delivered=tuple(row.delivered),
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        message_id=row.message_id,
    )


@contextmanager
def open_outbox() -> Iterator[Outbox]:
    """The outbox in the database that STOKER_DATABASE_URL names.

    Raises ConfigError if the variable is missing or wrong, or the table is not there.
    """
    with open_database() as engine:
        if not inspect(engine).has_table(outbox.name):
            raise ConfigError(
                f"the database of {VARIABLE} has no table {outbox.name}: "
                "create it once with stoker.handlers.mail.outbox.create_outbox(engine)"
            )
        yield Outbox(engine)
