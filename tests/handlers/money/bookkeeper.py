from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Engine, select, update

from stoker.handlers.money.books import Books
from stoker.handlers.money.definitions import (
    Definition,
    add_definition,
    recurring_transactions,
)
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.processing import Processed, process
from stoker.handlers.reports.transactions import transactions
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock

RENT = Definition(
    rule=Rule(frequency="monthly", day=31),
    start=date(2026, 1, 1),
    amount_cents=-90_000,
    currency="EUR",
    account="Alder Homes",
    description="Rent",
)


class Bookkeeper:
    """Puts in definitions, runs over them, and says what was booked."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.engine = engine
        self.books = Books(engine, "EUR", clock)

    def put(self, **changes: Any) -> int:
        with self.engine.begin() as connection:
            return add_definition(connection, msgspec.structs.replace(RENT, **changes))

    def run(self, most: int = 60, ctx: FakeContext | None = None) -> Processed:
        return process(ctx or FakeContext(), self.books, most, lambda: None)

    def booked(self) -> list[tuple[str, str]]:
        """Reference and day of each transaction, in order of both."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(transactions)).all()
        return sorted((row.reference, f"{row.occurred_at:%Y-%m-%d}") for row in rows)

    def rows(self) -> Sequence[Any]:
        statement = select(recurring_transactions).order_by(recurring_transactions.c.id)
        with self.engine.connect() as connection:
            return connection.execute(statement).all()

    def change(self, id: int, **values: Any) -> None:
        table = recurring_transactions
        with self.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == id).values(values))
