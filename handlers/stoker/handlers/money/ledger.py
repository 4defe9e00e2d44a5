"""A gateway that charges nobody: it books each charge into the table `charges`.

For those who collect the money by other means (an invoice, a direct debit file made from the table),
for trying out, and for tests. It never declines.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from stoker.handlers.database import VARIABLE, UtcDateTime, open_database
from stoker.handlers.money.gateway import Charge, Charged
from stoker.jobs.clock import Clock, SystemClock
from stoker.jobs.errors import ConfigError

MAX_KEY = 200

charges = Table(
    "charges",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("idempotency_key", String(MAX_KEY), nullable=False, unique=True),
    Column("period", Date, nullable=False),
    Column("customer", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("booked_at", UtcDateTime, nullable=False),
)


def create_charges(engine: Engine) -> None:
    """Create the table `charges`, unless it is there."""
    charges.metadata.create_all(engine)


class Ledger:
    """Books each key once; a key that it knows answers the charge that stands."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self._clock = clock or SystemClock()

    def charge(self, charge: Charge) -> Charged:
        """Book it, unless its key is booked. Raises what the database raises."""
        row = {
            "idempotency_key": charge.key,
            "period": charge.period,
            "customer": charge.customer,
            "amount_cents": charge.amount_cents,
            "currency": charge.currency,
            "payment_method": charge.payment_method,
            "booked_at": datetime.fromtimestamp(self._clock.now(), UTC),
        }
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(charges).values(row)
        with self.engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing(index_elements=["idempotency_key"]))
            known = select(charges.c.id).where(charges.c.idempotency_key == charge.key)
            return Charged(str(connection.execute(known).scalar_one()))


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    """The ledger in the database that STOKER_DATABASE_URL names.

    Raises ConfigError if the variable is missing or wrong, or the table is not there.
    """
    with open_database() as engine:
        if not inspect(engine).has_table(charges.name):
            raise ConfigError(
                f"the database of {VARIABLE} has no table {charges.name}: create it once with "
                "stoker.handlers.money.ledger.create_charges(engine)"
            )
        yield Ledger(engine)
