from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, text

from stoker.handlers.money.charging import Schedules
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.schedules import (
    RETRY_DAYS,
    Schedule,
    add_schedule,
    billing_schedules,
    create_billing,
)
from stoker.handlers.money.terms import InvalidTerms
from stoker.jobs.clock import FakeClock

PLAN = Schedule(
    customer="Ann",
    amount_cents=1_200,
    currency="EUR",
    payment_method="pm_1",
    rule=Rule(frequency="monthly", day=31),
    next_charge_on=date(2026, 1, 31),
)


def put(engine: Engine, **changes: Any) -> int:
    with engine.begin() as connection:
        return add_schedule(connection, msgspec.structs.replace(PLAN, **changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amount_cents": 0}, "at least 1"),
        ({"amount_cents": -5}, "at least 1"),
        ({"amount_cents": 12.0}, "amount_cents is a whole number"),
        ({"currency": "eur"}, "currency"),
        ({"customer": ""}, "customer"),
        ({"payment_method": None}, "payment_method"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"next_charge_on": "2026-01-31"}, "next_charge_on"),
        ({"next_charge_on": date.max}, "no monthly date after 9999-12-31"),
        ({"retry_on": "soon"}, "retry_on"),
        ({"state": "paused"}, "state"),
        ({"attempts": -1}, "attempts"),
        ({"failures": "no"}, "failures"),
        ({"retry_days": (3, 0)}, "retry_days"),
        ({"retry_days": (3, "5")}, "retry_days"),
        ({"retry_days": (1.5,)}, "retry_days"),
        ({"retry_days": (400,)}, "retry_days"),
        ({"retry_days": (1,) * 21}, "retry_days"),
    ],
)
def test_a_schedule_that_could_not_be_charged_is_not_put_in(
    sqlite_engine: Engine, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidTerms, match=named):
        put(sqlite_engine, **changes)
    with sqlite_engine.connect() as connection:
        assert connection.execute(select(billing_schedules)).all() == []


def test_a_schedule_is_read_as_it_was_put_in(engine: Engine, clock: FakeClock, today: date) -> None:
    id = put(engine, retry_days=(1, 2))
    read = Schedules(engine, clock).read(id)
    assert read == msgspec.structs.replace(PLAN, id=id, retry_days=(1, 2))
    assert read is not None and read.key == f"billing:{id}:2026-01-31"


def test_a_row_written_without_days_to_retry_has_those_for_all(
    engine: Engine, clock: FakeClock, today: date
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO billing_schedules (customer, amount_cents, currency, payment_method,"
                " frequency, anchor_day, next_charge_on, state)"
                " VALUES ('Bob', 500, 'EUR', 'pm_2', 'weekly', 1, '2026-03-02', 'active')"
            )
        )
    read = Schedules(engine, clock).read(1)
    assert read is not None
    assert (read.retry_days, read.attempts, read.timezone) == (RETRY_DAYS, 0, "UTC")


def test_creating_the_table_twice_changes_nothing(engine: Engine) -> None:
    put(engine)
    create_billing(engine)
    with engine.connect() as connection:
        assert len(connection.execute(select(billing_schedules)).all()) == 1
