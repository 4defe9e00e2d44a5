from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
from sqlalchemy import Engine, select

from stoker.handlers.money.gateway import Charge, Charged
from stoker.handlers.money.ledger import Ledger, charges, create_charges, open_ledger
from stoker.jobs.clock import FakeClock
from stoker.jobs.errors import ConfigError

CHARGE = Charge(
    key="billing:7:2026-01-31",
    attempt=1,
    period=date(2026, 1, 31),
    customer="Ann",
    amount_cents=1_200,
    currency="EUR",
    payment_method="pm_1",
)


@pytest.fixture
def ledger(engine: Engine, clock: FakeClock) -> Ledger:
    return Ledger(engine, clock)


def amounts(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(select(charges.c.amount_cents)).scalars())


def test_a_key_that_is_booked_answers_the_charge_that_stands(ledger: Ledger) -> None:
    first = ledger.charge(CHARGE)
    assert isinstance(first, Charged)
    assert ledger.charge(CHARGE) == first
    assert ledger.charge(msgspec.structs.replace(CHARGE, attempt=2, amount_cents=99)) == first
    assert amounts(ledger.engine) == [1_200]


def test_another_key_is_another_charge(ledger: Ledger) -> None:
    first = ledger.charge(CHARGE)
    assert ledger.charge(msgspec.structs.replace(CHARGE, key="billing:7:2026-02-28")) != first
    assert amounts(ledger.engine) == [1_200, 1_200]


def test_one_key_asked_by_many_at_once_is_booked_once(ledger: Ledger) -> None:
    start = Barrier(8)

    def one() -> Charged:
        start.wait(10)
        return ledger.charge(CHARGE)

    with ThreadPoolExecutor(8) as pool:
        answers = {asked.result(30) for asked in [pool.submit(one) for _ in range(8)]}
    assert len(answers) == len(amounts(ledger.engine)) == 1


def test_a_database_without_the_table_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOKER_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ConfigError, match="create_charges"), open_ledger():
        pass


def test_creating_the_table_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.charge(CHARGE)
    create_charges(ledger.engine)
    assert amounts(ledger.engine) == [1_200]
