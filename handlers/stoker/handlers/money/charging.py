"""Reading billing schedules that may be due, and writing what became of each: guarded statements.

No row is locked while the gateway is asked. Two runs that charge the same schedule at once ask with the
same key, so that the money is taken once; whoever writes second finds the row moved, and leaves it.
Calls block.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, and_, case, func, inspect, or_, select, update

from stoker.handlers.database import VARIABLE, open_database
from stoker.handlers.money.dunning import Change
from stoker.handlers.money.row_faults import rows_of
from stoker.handlers.money.schedules import Schedule, billing_schedules, read_schedule
from stoker.handlers.money.terms import zone
from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.codec import storable
from stoker.jobs.errors import ConfigError

BATCH = 200
"""Ids that are read at a time; each row is read anew just before it is charged."""

_rows = billing_schedules.c


class Schedules:
    """The table, as the runs that charge see it."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self._clock = clock or SystemClock()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def today(self, schedule: Schedule) -> date:
        """Where the schedule is."""
        return self.now().astimezone(zone(schedule.timezone)).date()

    def count(self) -> int:
        """How many may be due."""
        with self.engine.connect() as connection:
            statement = select(func.count()).select_from(billing_schedules).where(self._due())
            return int(connection.execute(statement).scalar_one())

    def batches(self) -> Iterator[Sequence[int]]:
        """Those that may be due, by id."""
        after: int | None = None
        while ids := self._ids(after):
            after = ids[-1]
            yield ids

    def read(self, id: int) -> Schedule | None:
        """The schedule, if it may be due. Raises InvalidTerms."""
        statement = select(billing_schedules).where(_rows.id == id, self._due())
        with self.engine.connect() as connection:
            found = rows_of(connection, statement)
        return read_schedule(found[0]) if found else None

    def record(self, schedule: Schedule, change: Change) -> bool:
        """Write what became of it; False if the row has gone on since it was read.

        A schedule that was cancelled meanwhile stays so.
        """
        values: dict[str, Any] = {
            "state": case((_rows.state == "cancelled", "cancelled"), else_=change.state),
            "next_charge_on": change.next_charge_on,
            "attempts": change.attempts,
            "failures": change.failures,
            "retry_on": change.retry_on,
            "last_error": storable(change.error, 2000) if change.error else None,
        }
        if change.charge is not None:
            values |= {"last_charge": storable(change.charge, 500), "last_charged_at": self.now()}
        statement = update(billing_schedules).where(
            _rows.id == schedule.id,
            _rows.next_charge_on == schedule.next_charge_on,
            _rows.attempts == schedule.attempts,
        )
        with self.engine.begin() as connection:
            return connection.execute(statement.values(values)).rowcount == 1

    def _ids(self, after: int | None) -> Sequence[int]:
        statement = select(_rows.id).where(self._due()).order_by(_rows.id).limit(BATCH)
        if after is not None:
            statement = statement.where(_rows.id > after)
        with self.engine.connect() as connection:
            return connection.execute(statement).scalars().all()

    def _due(self) -> Any:
        """By the latest date there is anywhere now; where the schedule is may still be a day behind."""
        latest = self.now().date() + timedelta(days=1)
        return or_(
            and_(_rows.state == "active", _rows.next_charge_on <= latest),
            and_(_rows.state == "past_due", func.coalesce(_rows.retry_on, latest) <= latest),
        )


@contextmanager
def open_schedules() -> Iterator[Schedules]:
    """The schedules in the database that STOKER_DATABASE_URL names.

    Raises ConfigError if the variable is missing or wrong, or the table is not there.
    """
    with open_database() as engine:
        if not inspect(engine).has_table(billing_schedules.name):
            raise ConfigError(
                f"the database of {VARIABLE} has no table {billing_schedules.name}: create it once "
                "with stoker.handlers.money.schedules.create_billing(engine)"
            )
        yield Schedules(engine)
