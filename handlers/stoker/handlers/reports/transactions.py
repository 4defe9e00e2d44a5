"""The data set that reports are about: a table of transactions, and a way to fill it for trying out."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
)

from stoker.handlers.database import UtcDateTime

CATEGORIES = ("card", "transfer", "direct_debit", "fee", "payout")
STATUSES = ("settled", "pending", "refunded", "failed")
_WEIGHTS = (82, 7, 6, 5)
_BATCH = 5_000

transactions = Table(
    "transactions",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("category", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),  # negative: money that went out
    Column("counterparty", Text, nullable=False),
    Column("reference", Text, nullable=False),
)
Index("transactions_by_time", transactions.c.occurred_at, transactions.c.id)


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One row of the data set."""

    id: int
    occurred_at: datetime
    category: str
    status: str
    amount_cents: int
    counterparty: str
    reference: str


def create_transactions(engine: Engine) -> None:
    """Create the table `transactions` and its index, unless they are there."""
    transactions.metadata.create_all(engine)


def sample_transactions(
    count: int, *, first_day: date, days: int, seed: int = 1
) -> Iterator[Transaction]:
    """The same `count` made-up transactions for the same arguments, in order of time.

    They spread over `days` days from `first_day` in UTC. Some texts are what spreadsheets would take
    for formulas.
    """
    source = random.Random(seed)
    start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    step = timedelta(days=days) / count
    names = ("Alder Books", "Brightwater Ltd", "Café Größe", "=Delta+Sons", "@echo", "Fjord; Partners")
    for number in range(1, count + 1):
        category = source.choice(CATEGORIES)
        amount = source.randint(100, 250_000)
        yield Transaction(
            id=number,
            occurred_at=(start + step * (number - 1)).replace(microsecond=0),
            category=category,
            status=source.choices(STATUSES, _WEIGHTS)[0],
            amount_cents=-amount if category in ("fee", "payout") else amount,
            counterparty=source.choice(names),
            reference=f"R{source.randrange(10**9):09d}" if number % 97 else f"-{number}, paid twice",
        )


def seed_transactions(engine: Engine, rows: Iterator[Transaction]) -> int:
    """Write these into the table, all or none; says how many."""
    count = 0
    batch: list[dict[str, Any]] = []
    with engine.begin() as connection:
        for row in rows:
            batch.append(msgspec.structs.asdict(row))
            count += 1
            if len(batch) == _BATCH:
                connection.execute(insert(transactions), batch)
                batch.clear()
        if batch:
            connection.execute(insert(transactions), batch)
    return count
