from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Engine, select, update

from stoker.handlers.money.billing import Billed, bill
from stoker.handlers.money.charging import Schedules
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.gateway import Charge, Charged, Declined
from stoker.handlers.money.schedules import Schedule, add_schedule, billing_schedules
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock

PLAN = Schedule(
    customer="Ann",
    amount_cents=1_200,
    currency="EUR",
    payment_method="pm_1",
    rule=Rule(frequency="monthly", day=31),
    next_charge_on=date(2026, 3, 31),
)


class Provider:
    """A gateway as its protocol says, that declines and is silent as it is told to."""

    def __init__(self) -> None:
        self.asked: list[Charge] = []
        self.taken: dict[str, Charge] = {}
        self.declining: set[str] = set()
        """Payment methods."""
        self.silent: set[str] = set()
        """Customers of whom it says nothing."""
        self.before: Callable[[Charge], None] = lambda charge: None
        self._answers: dict[tuple[str, int], Charged | Declined] = {}

    def charge(self, charge: Charge) -> Charged | Declined:
        self.before(charge)
        self.asked.append(charge)
        if charge.customer in self.silent:
            raise ConnectionError("the line is dead")
        if charge.key in self.taken:
            return Charged(charge.key)
        declined = charge.payment_method in self.declining
        answer = self._answers.setdefault(
            (charge.key, charge.attempt), Declined("no funds") if declined else Charged(charge.key)
        )
        if isinstance(answer, Charged):
            self.taken[charge.key] = charge
        return answer


class Till:
    """Puts in schedules, runs over them, and says how they stand."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.engine = engine
        self.schedules = Schedules(engine, clock)
        self.provider = Provider()

    def put(self, **changes: Any) -> int:
        with self.engine.begin() as connection:
            return add_schedule(connection, msgspec.structs.replace(PLAN, **changes))

    def run(self, ctx: FakeContext | None = None) -> Billed:
        return bill(ctx or FakeContext(), self.schedules, self.provider, lambda: None)

    def rows(self) -> Sequence[Any]:
        statement = select(billing_schedules).order_by(billing_schedules.c.id)
        with self.engine.connect() as connection:
            return connection.execute(statement).all()

    def change(self, id: int, **values: Any) -> None:
        table = billing_schedules
        with self.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == id).values(values))
