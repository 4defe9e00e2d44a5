"""Books what is due: reads definitions batch by batch, and writes transactions.

Two runs at once take turns: who books a definition locks its row first (SQLite has one writer), and
reads it anew under that lock, so that the other's `last_processed_date` is seen. If rows were changed
past the lock, the key of `recurring_postings` refuses the second transaction of a date. Calls block.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    func,
    insert,
    inspect,
    or_,
    select,
    update,
)

from stoker.handlers.database import BUSY_TIMEOUT, VARIABLE, open_database
from stoker.handlers.environment import required
from stoker.handlers.money.definitions import (
    Definition,
    Due,
    due,
    read_definition,
    recurring_postings,
    recurring_transactions,
)
from stoker.handlers.money.row_faults import apart, fault_of_row, rows_of
from stoker.handlers.money.terms import InvalidTerms, check_currency, zone
from stoker.handlers.reports.transactions import transactions
from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.errors import ConfigError

BATCH = 200
"""Definitions read at a time, and booked in one transaction."""
CATEGORY = "recurring"
STATUS = "settled"

_defined = recurring_transactions.c
_posted = recurring_postings.c


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one definition stands: what is or was due, or what is wrong with it."""

    id: int
    due: Due = Due()
    error: str | None = None


class Books:
    """The tables, as the runs that book see them. All transactions are in one currency."""

    def __init__(self, engine: Engine, currency: str, clock: Clock | None = None) -> None:
        self.engine = engine
        self.currency = check_currency(currency)
        self._clock = clock or SystemClock()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def enabled(self) -> int:
        """How many definitions are switched on."""
        with self.engine.connect() as connection:
            statement = select(func.count()).where(_defined.enabled)
            return int(connection.execute(statement).scalar_one())

    def batches(self, most: int) -> Iterator[list[Standing]]:
        """All enabled definitions by id, BATCH at a time, each with at most so many dates due."""
        after: int | None = None
        while ids := self._ids(after):
            after = ids[-1]
            yield apart(ids, lambda some: self._look(some, most), _spoilt)

    def book(self, ids: Sequence[int], most: int) -> list[Standing]:
        """Make the transactions that are due of these, at most so many of each; says which.

        They and `last_processed_date` are committed together. One that the database refuses does not
        keep the others back; one that was switched off meanwhile is left out.
        """
        return apart(ids, lambda some: self._book(some, most), _spoilt)

    def _ids(self, after: int | None) -> Sequence[int]:
        statement = select(_defined.id).where(_defined.enabled).order_by(_defined.id).limit(BATCH)
        if after is not None:
            statement = statement.where(_defined.id > after)
        with self.engine.connect() as connection:
            return connection.execute(statement).scalars().all()

    def _look(self, ids: Sequence[int], most: int) -> list[Standing]:
        with self.engine.connect() as connection:
            rows = rows_of(connection, _definitions(ids))
        return [self._stands(row, most)[0] for row in rows]

    def _book(self, ids: Sequence[int], most: int) -> list[Standing]:
        with self._writing() as connection:
            locked = _definitions(ids).with_for_update(key_share=True)
            found = [self._stands(row, most) for row in rows_of(connection, locked)]
            taken = _taken(connection, ids)
            entries = [
                (standing.id, day, definition)
                for standing, definition in found
                if definition is not None
                for day in standing.due.dates
                if (standing.id, day) not in taken
            ]
            self._write(connection, entries)
            _move(connection, [standing for standing, _ in found if standing.due.dates])
        return [_without(standing, taken) for standing, _ in found]

    def _stands(self, row: Mapping[str, Any], most: int) -> tuple[Standing, Definition | None]:
        try:
            definition = read_definition(row)
            if definition.currency != self.currency:
                raise InvalidTerms(
                    f"it is in {definition.currency}, but the transactions here are in {self.currency}"
                )
        except InvalidTerms as error:
            return Standing(id=row["id"], error=fault_of_row(error)), None
        today = self.now().astimezone(zone(definition.timezone)).date()
        return Standing(id=row["id"], due=due(definition, today, most)), definition

    def _write(self, connection: Connection, entries: Sequence[tuple[int, date, Definition]]) -> None:
        if not entries:
            return
        made = connection.execute(
            insert(transactions).returning(transactions.c.id, sort_by_parameter_order=True),
            [_transaction(definition, day) for _, day, definition in entries],
        )
        now = self.now()
        connection.execute(
            insert(recurring_postings),
            [
                {
                    "definition_id": id,
                    "due_on": day,
                    "transaction_id": transaction,
                    "posted_at": now,
                }
                for (id, day, _), transaction in zip(entries, made.scalars(), strict=True)
            ],
        )

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that may write from its first statement, or waits until it may."""
        with self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver would begin too late
            else:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT}")
            yield connection


def _definitions(ids: Sequence[int]) -> Any:
    return (
        select(recurring_transactions)
        .where(_defined.id.in_(ids), _defined.enabled)
        .order_by(_defined.id)
    )


def _taken(connection: Connection, ids: Sequence[int]) -> set[tuple[int, date]]:
    """Dates that were booked though `last_processed_date` lies before them: somebody set it back."""
    behind = or_(_defined.last_processed_date.is_(None), _posted.due_on > _defined.last_processed_date)
    statement = (
        select(_posted.definition_id, _posted.due_on)
        .join(recurring_transactions, _defined.id == _posted.definition_id)
        .where(_defined.id.in_(ids), behind)
    )
    return {(id, day) for id, day in connection.execute(statement)}


def _move(connection: Connection, standings: Sequence[Standing]) -> None:
    if standings:
        connection.execute(
            update(recurring_transactions)
            .where(_defined.id == bindparam("moved"))
            .values(last_processed_date=bindparam("to")),
            [{"moved": one.id, "to": one.due.dates[-1]} for one in standings],
        )


def _transaction(definition: Definition, day: date) -> dict[str, object]:
    return {
        # A date, not an instant: at midnight in UTC, where reports count it on that very day.
        "occurred_at": datetime.combine(day, time(), UTC),
        "category": CATEGORY,
        "status": STATUS,
        "amount_cents": definition.amount_cents,
        "counterparty": definition.account,
        "reference": definition.description,
    }


def _without(standing: Standing, taken: set[tuple[int, date]]) -> Standing:
    made = tuple(day for day in standing.due.dates if (standing.id, day) not in taken)
    return msgspec.structs.replace(standing, due=Due(made, standing.due.behind))


def _spoilt(id: int, why: str) -> Standing:
    return Standing(id=id, error=why)


@contextmanager
def open_books() -> Iterator[Books]:
    """The tables in the database that STOKER_DATABASE_URL names, in the currency STOKER_CURRENCY.

    Raises ConfigError if a variable is missing or wrong, or a table is not there.
    """
    try:
        currency = check_currency(required("STOKER_CURRENCY", "EUR"))
    except InvalidTerms as error:
        raise ConfigError(f"STOKER_CURRENCY: {error}") from None
    with open_database() as engine:
        there = inspect(engine)
        for table in (recurring_transactions, recurring_postings, transactions):
            if not there.has_table(table.name):
                raise ConfigError(
                    f"the database of {VARIABLE} has no table {table.name}: create it once with "
                    "stoker.handlers.money.definitions.create_recurring_transactions(engine)"
                )
        yield Books(engine, currency)
