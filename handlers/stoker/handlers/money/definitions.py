"""Transactions that come again: their definitions as rows, and which dates of one are due.

One row says what is to be booked and when. `last_processed_date` is the last date that was booked; it
moves in the transaction that books. A row of `recurring_postings` is one date of one definition, once:
also where `last_processed_date` is set back, and where the transaction itself is deleted later.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    insert,
    text,
)
from sqlalchemy.orm import Session

from stoker.handlers.database import UtcDateTime
from stoker.handlers.money.frequencies import Rule, dates
from stoker.handlers.money.terms import (
    InvalidTerms,
    check_cents,
    check_currency,
    check_date,
    check_text,
    zone,
)
from stoker.handlers.reports.transactions import create_transactions

_metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")

recurring_transactions = Table(
    "recurring_transactions",
    _metadata,
    Column("id", _Id, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("frequency", String(8), nullable=False),  # weekly, monthly, yearly
    Column("anchor_day", SmallInteger, nullable=False),  # weekly: 1 (Monday) to 7; else of the month
    Column("anchor_month", SmallInteger),  # yearly only
    Column("start_date", Date, nullable=False),
    Column("end_date", Date),  # the last day on which one may be due
    Column("timezone", String(64), nullable=False, server_default=text("'UTC'")),  # of "today"
    Column("amount_cents", BigInteger, nullable=False),  # the smallest unit; negative: goes out
    Column("currency", String(3), nullable=False),
    Column("account", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("last_processed_date", Date),
)
recurring_postings = Table(
    "recurring_postings",
    _metadata,
    Column(
        "definition_id",
        _Id,
        ForeignKey(recurring_transactions.c.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("due_on", Date, primary_key=True),
    Column("transaction_id", BigInteger, nullable=False),
    Column("posted_at", UtcDateTime, nullable=False),
)


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What is booked on each date of the rule."""

    rule: Rule
    start: date
    end: date | None = None
    timezone: str = "UTC"
    amount_cents: int
    currency: str
    account: str
    description: str
    last_processed: date | None = None


class Due(msgspec.Struct, frozen=True):
    """Dates to be booked, the oldest first."""

    dates: tuple[date, ...] = ()
    behind: bool = False
    """Whether more are due than were asked for."""


def due(definition: Definition, today: date, most: int) -> Due:
    """Its dates up to today that have not been processed, at most so many."""
    last = min(today, definition.end or today)
    first, processed = definition.start, definition.last_processed
    if processed is not None:
        if processed >= last:
            return Due()
        first = max(first, processed + timedelta(days=1))
    found = tuple(islice(dates(definition.rule, first, last), most + 1))
    return Due(found[:most], len(found) > most)


def read_definition(row: Mapping[str, Any]) -> Definition:
    """The definition in a row of the table. Raises InvalidTerms."""
    end, processed = row["end_date"], row["last_processed_date"]
    return check_definition(
        Definition(
            rule=Rule(frequency=row["frequency"], day=row["anchor_day"], month=row["anchor_month"]),
            start=row["start_date"],
            end=end,
            timezone=row["timezone"],
            amount_cents=row["amount_cents"],
            currency=row["currency"],
            account=row["account"],
            description=row["description"],
            last_processed=processed,
        )
    )


def check_definition(definition: Definition) -> Definition:
    """The same. Raises InvalidTerms for what could not be booked."""
    check_date(definition.start, "start_date")
    for what, day in (
        ("end_date", definition.end),
        ("last_processed_date", definition.last_processed),
    ):
        if day is not None:
            check_date(day, what)
    if definition.end is not None and definition.end < definition.start:
        raise InvalidTerms(f"end_date {definition.end} lies before start_date {definition.start}")
    zone(definition.timezone)
    check_cents(definition.amount_cents)
    check_currency(definition.currency)
    check_text(definition.account, "account")
    check_text(definition.description, "description", empty=True)
    return definition


def add_definition(connection: Connection | Session, definition: Definition) -> int:
    """Put in an enabled definition within the caller's own transaction; answers the row's id.

    A `start` that has passed makes up every date since; at most as many a run as the handler is told.
    Raises InvalidTerms.
    """
    definition = check_definition(definition)
    row = {
        "enabled": True,
        "frequency": definition.rule.frequency,
        "anchor_day": definition.rule.day,
        "anchor_month": definition.rule.month,
        "start_date": definition.start,
        "end_date": definition.end,
        "timezone": definition.timezone,
        "amount_cents": definition.amount_cents,
        "currency": definition.currency,
        "account": definition.account,
        "description": definition.description,
        "last_processed_date": definition.last_processed,
    }
    statement = insert(recurring_transactions).values(row).returning(recurring_transactions.c.id)
    return int(connection.execute(statement).scalar_one())


def create_recurring_transactions(engine: Engine) -> None:
    """Create the tables `recurring_transactions`, `recurring_postings` and `transactions`, unless
    they are there."""
    create_transactions(engine)
    _metadata.create_all(engine)
