"""Billing schedules: who is charged what and when, as rows.

`next_charge_on` is the period that is to be charged next, and stays while it is not paid. A decline
makes the schedule `past_due` until `retry_on`; when the days to retry are used up, it is `cancelled`.
`attempts` counts the charges of this period that were declined. An application that takes a schedule up
again sets `state` to active, and may set `failures` to 0; it leaves `attempts` alone, for that is how
one try of a period is told from those before it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Date,
    Engine,
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
from stoker.handlers.money.frequencies import Rule, following
from stoker.handlers.money.terms import (
    InvalidTerms,
    check_cents,
    check_currency,
    check_date,
    check_text,
    zone,
)

State = Literal["active", "past_due", "cancelled"]
RETRY_DAYS = (3, 5, 7)
"""Days from a decline to the next try; after the last one's decline, none comes."""
MOST_RETRIES = 20
MOST_DAYS = 365

billing_schedules = Table(
    "billing_schedules",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("customer", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),  # the currency's smallest unit
    Column("currency", String(3), nullable=False),
    Column("payment_method", Text, nullable=False),  # as the gateway knows it; never a card number
    Column("frequency", String(8), nullable=False),  # weekly, monthly, yearly
    Column("anchor_day", SmallInteger, nullable=False),  # weekly: 1 (Monday) to 7; else of the month
    Column("anchor_month", SmallInteger),  # yearly only
    Column("timezone", String(64), nullable=False, server_default=text("'UTC'")),  # of "today"
    Column("next_charge_on", Date, nullable=False),
    Column("state", String(9), nullable=False),  # active, past_due, cancelled
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # declines in a row
    Column("retry_days", JSON),  # none: those above; [] cancels at the first decline
    Column("retry_on", Date),
    Column("last_charge", Text),  # the gateway's id of the last one
    Column("last_charged_at", UtcDateTime),
    Column("last_error", Text),
)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's charges, and how the current one stands."""

    id: int | None = None
    """None before it is a row."""
    customer: str
    amount_cents: int
    currency: str
    payment_method: str
    rule: Rule
    timezone: str = "UTC"
    next_charge_on: date
    state: State = "active"
    attempts: int = 0
    failures: int = 0
    retry_days: tuple[int, ...] = RETRY_DAYS
    retry_on: date | None = None

    @property
    def due_on(self) -> date:
        """The day on which it is tried next."""
        if self.state == "past_due" and self.retry_on is not None:
            return self.retry_on
        return self.next_charge_on

    @property
    def key(self) -> str:
        """The idempotency key of the period that is to be charged."""
        return f"billing:{self.id}:{self.next_charge_on}"


def read_schedule(row: Mapping[str, Any]) -> Schedule:
    """The schedule in a row of the table. Raises InvalidTerms."""
    days = row["retry_days"]
    if days is not None and not isinstance(days, list):
        raise InvalidTerms(f"retry_days is a list of days, not {days!r}")
    return check_schedule(
        Schedule(
            id=row["id"],
            customer=row["customer"],
            amount_cents=row["amount_cents"],
            currency=row["currency"],
            payment_method=row["payment_method"],
            rule=Rule(frequency=row["frequency"], day=row["anchor_day"], month=row["anchor_month"]),
            timezone=row["timezone"],
            next_charge_on=row["next_charge_on"],
            state=row["state"],
            attempts=row["attempts"],
            failures=row["failures"],
            retry_days=RETRY_DAYS if days is None else tuple(days),
            retry_on=row["retry_on"],
        )
    )


def check_schedule(schedule: Schedule) -> Schedule:
    """The same. Raises InvalidTerms for what could not be charged."""
    if check_cents(schedule.amount_cents) < 1:
        raise InvalidTerms(f"amount_cents of a charge is at least 1, not {schedule.amount_cents}")
    check_currency(schedule.currency)
    check_text(schedule.customer, "customer")
    check_text(schedule.payment_method, "payment_method")
    zone(schedule.timezone)
    # Before any money is taken: there must be a date to go on to.
    following(schedule.rule, check_date(schedule.next_charge_on, "next_charge_on"))
    if schedule.retry_on is not None:
        check_date(schedule.retry_on, "retry_on")
    if schedule.state not in get_args(State):
        raise InvalidTerms(f"state is active, past_due or cancelled, not {schedule.state!r}")
    for what, count in (("attempts", schedule.attempts), ("failures", schedule.failures)):
        if not isinstance(count, int) or count < 0:
            raise InvalidTerms(f"{what} is 0 or more, not {count!r}")
    days = schedule.retry_days
    if len(days) > MOST_RETRIES or not all(type(day) is int and 1 <= day <= MOST_DAYS for day in days):
        raise InvalidTerms(
            f"retry_days is at most {MOST_RETRIES} numbers of 1 to {MOST_DAYS} days, not {days!r}"
        )
    return schedule


def add_schedule(connection: Connection | Session, schedule: Schedule) -> int:
    """Put in a schedule within the caller's own transaction; answers the row's id.

    Raises InvalidTerms.
    """
    schedule = check_schedule(schedule)
    row = {
        "customer": schedule.customer,
        "amount_cents": schedule.amount_cents,
        "currency": schedule.currency,
        "payment_method": schedule.payment_method,
        "frequency": schedule.rule.frequency,
        "anchor_day": schedule.rule.day,
        "anchor_month": schedule.rule.month,
        "timezone": schedule.timezone,
        "next_charge_on": schedule.next_charge_on,
        "state": schedule.state,
        "attempts": schedule.attempts,
        "failures": schedule.failures,
        "retry_days": list(schedule.retry_days),
        "retry_on": schedule.retry_on,
    }
    statement = insert(billing_schedules).values(row).returning(billing_schedules.c.id)
    return int(connection.execute(statement).scalar_one())


def create_billing(engine: Engine) -> None:
    """Create the table `billing_schedules`, unless it is there."""
    billing_schedules.metadata.create_all(engine)
