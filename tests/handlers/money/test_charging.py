import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from stoker.handlers.money.billing import Billed
from stoker.handlers.money.charging import open_schedules
from stoker.handlers.money.dunning import after
from stoker.handlers.money.gateway import Charge, Charged, Declined
from stoker.handlers.money.ledger import Ledger, charges
from stoker.jobs.errors import ConfigError

from .till import Till

CRASH = """
import os, sys
from stoker.handlers.database import connect_database
from stoker.handlers.money.billing import bill
from stoker.handlers.money.charging import Schedules
from stoker.handlers.money.ledger import Ledger
from stoker.handlers.testing import FakeContext
from stoker.jobs.clock import FakeClock
engine = connect_database(sys.argv[1])
schedules = Schedules(engine, FakeClock())
schedules.record = lambda schedule, change: os._exit(9)
bill(FakeContext(), schedules, Ledger(engine), lambda: None)
"""


def booked(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(charges.c.idempotency_key)).scalars())


def test_a_crash_after_the_charge_and_before_the_write_charges_once(till: Till, address: str) -> None:
    till.put(next_charge_on=date(2027, 1, 15))
    before = till.rows()
    done = subprocess.run([sys.executable, "-c", CRASH, address], timeout=30)
    assert done.returncode == 9
    assert (booked(till.engine), till.rows()) == (["billing:1:2027-01-15"], before)
    till.provider = Ledger(till.engine)  # type: ignore[assignment]
    assert till.run() == Billed(charged=1)
    assert booked(till.engine) == ["billing:1:2027-01-15"]
    assert till.rows()[0].next_charge_on == date(2027, 1, 31)


def test_a_write_that_fails_after_the_charge_fails_the_run_and_charges_once(
    till: Till, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.put()

    def fail(*_: Any) -> bool:
        raise OperationalError("UPDATE", {}, Exception("the disk is full"))

    with monkeypatch.context() as patch, pytest.raises(OperationalError, match="disk is full"):
        patch.setattr(till.schedules, "record", fail)
        till.run()
    assert till.run() == Billed(charged=1)
    assert len(till.provider.asked) == 2 and len(till.provider.taken) == 1


def test_runs_at_once_charge_every_period_exactly_once(till: Till, today: date) -> None:
    for number in range(30):
        till.put(customer=f"{number}")
    ledger, start = Ledger(till.engine), Barrier(3)
    till.provider = ledger  # type: ignore[assignment]

    def one() -> Billed:
        start.wait(10)
        return till.run()

    with ThreadPoolExecutor(3) as pool:
        done = [run.result(30) for run in [pool.submit(one) for _ in range(3)]]
    assert sum(one.charged for one in done) == 30
    assert [one.failed for one in done] == [0, 0, 0]
    assert len(booked(till.engine)) == 30
    assert {row.next_charge_on for row in till.rows()} == {date(2026, 4, 30)}


def test_who_writes_second_changes_nothing(till: Till, today: date) -> None:
    schedule = till.schedules.read(till.put())
    assert schedule is not None
    declined = after(schedule, Declined("no funds"), today)
    assert till.schedules.record(schedule, declined) is True
    assert till.schedules.record(schedule, declined) is False
    assert till.schedules.record(schedule, after(schedule, Charged("ch"), today)) is False
    assert (till.rows()[0].failures, till.rows()[0].last_charge) == (1, None)


def test_a_schedule_that_is_cancelled_before_its_turn_is_not_charged(till: Till, today: date) -> None:
    till.put(customer="Ann")
    other = till.put(customer="Bob")
    till.provider.before = lambda charge: till.change(other, state="cancelled")
    assert till.run() == Billed(charged=1)
    assert [charge.customer for charge in till.provider.asked] == ["Ann"]


def test_one_that_is_cancelled_while_it_is_charged_stays_cancelled_and_keeps_its_charge(
    till: Till, today: date
) -> None:
    id = till.put()

    def cancel(charge: Charge) -> None:
        till.change(id, state="cancelled")

    till.provider.before = cancel
    assert till.run() == Billed(charged=1)
    [row] = till.rows()
    assert (row.state, row.next_charge_on) == ("cancelled", date(2026, 4, 30))
    assert row.last_charge == f"billing:{id}:2026-03-31"


def test_a_row_that_cannot_even_be_read_fails_alone(till: Till, today: date) -> None:
    ids = [till.put(customer=name) for name in "abc"]
    values = {
        # Each is early enough to be due, and no date that Python has.
        "sqlite": "'1.1.2026'",
        "postgresql": "'-infinity'::date",
    }
    value = values[till.engine.dialect.name]
    with till.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE billing_schedules SET next_charge_on = {value} WHERE id = {ids[1]}")
        )
    assert till.run() == Billed(charged=2, failed=1)
    assert [charge.customer for charge in till.provider.asked] == ["a", "c"]


def test_an_answer_that_a_database_cannot_keep_is_made_one_that_it_can(till: Till, today: date) -> None:
    schedule = till.schedules.read(till.put())
    assert schedule is not None
    change = after(schedule, Declined("no\0funds \ud800"), today)
    assert till.schedules.record(schedule, change) is True
    assert "funds" in till.rows()[0].last_error
    again = till.schedules.read(1)
    assert again is None  # it waits for its day
    schedule = msgspec.structs.replace(schedule, attempts=1)
    assert till.schedules.record(schedule, after(schedule, Charged("ch\0_1"), today)) is True
    assert till.rows()[0].last_charge.startswith("ch")


def test_a_database_without_the_table_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ConfigError, match="create_billing"), open_schedules():
        pass
