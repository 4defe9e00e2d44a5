from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from stoker.handlers.money.definitions import (
    Definition,
    add_definition,
    create_recurring_transactions,
    due,
    recurring_transactions,
)
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.terms import InvalidTerms

RENT = Definition(
    rule=Rule(frequency="monthly", day=31),
    start=date(2026, 1, 1),
    amount_cents=-90_000,
    currency="EUR",
    account="Alder Homes",
    description="Rent",
)
TODAY = date(2026, 3, 31)


def rent(**changes: Any) -> Definition:
    return msgspec.structs.replace(RENT, **changes)


def days(definition: Definition, today: date = TODAY, most: int = 60) -> list[str]:
    return [f"{day:%m-%d}" for day in due(definition, today, most).dates]


def test_everything_from_the_start_to_today_is_due_at_first() -> None:
    assert days(RENT) == ["01-31", "02-28", "03-31"]


def test_only_what_comes_after_the_last_processed_date_is_due() -> None:
    assert days(rent(last_processed=date(2026, 1, 31))) == ["02-28", "03-31"]
    assert days(rent(last_processed=TODAY)) == []


def test_a_last_processed_date_before_the_start_does_not_move_it() -> None:
    assert days(rent(last_processed=date(2020, 1, 1))) == ["01-31", "02-28", "03-31"]


def test_nothing_is_due_before_the_start() -> None:
    assert days(rent(start=date(2026, 2, 1))) == ["02-28", "03-31"]
    assert days(rent(start=date(2026, 4, 1))) == []


def test_the_last_day_is_still_due_and_nothing_after_it() -> None:
    assert days(rent(end=date(2026, 2, 28))) == ["01-31", "02-28"]
    assert days(rent(end=date(2026, 2, 27))) == ["01-31"]


def test_what_is_due_today_is_due_and_what_is_tomorrow_is_not() -> None:
    assert days(RENT, date(2026, 3, 30)) == ["01-31", "02-28"]


def test_more_than_was_asked_for_leaves_it_behind() -> None:
    assert days(RENT, most=2) == ["01-31", "02-28"]
    assert [due(RENT, TODAY, most).behind for most in (1, 2, 3, 4)] == [True, True, False, False]


def test_the_end_of_the_calendar_is_no_trouble() -> None:
    assert days(rent(last_processed=date.max, end=date.max), date.max) == []
    assert len(due(rent(start=date.min), date.max, 5).dates) == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"end": date(2025, 1, 1)}, "end_date 2025-01-01 lies before"),
        ({"amount_cents": 9.5}, "amount_cents"),
        ({"currency": "euro"}, "currency"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"account": ""}, "account"),
        ({"description": None}, "description"),
        ({"start": "2026-01-01"}, "start_date"),
        ({"last_processed": "2026-01-01"}, "last_processed_date"),
    ],
)
def test_a_definition_that_could_not_be_booked_is_not_put_in(
    engine: Engine, changes: dict[str, Any], named: str
) -> None:
    with engine.begin() as connection, pytest.raises(InvalidTerms, match=named):
        add_definition(connection, rent(**changes))
    with engine.connect() as connection:
        count = select(func.count()).select_from(recurring_transactions)
        assert connection.execute(count).scalar_one() == 0


def test_a_definition_is_put_in_by_the_callers_transaction(engine: Engine) -> None:
    with Session(engine) as session:
        add_definition(session, RENT)
        session.rollback()
        add_definition(session, RENT)
        session.commit()
    with engine.connect() as connection:
        [row] = connection.execute(select(recurring_transactions)).all()
    assert (row.enabled, row.amount_cents, row.timezone) == (True, -90_000, "UTC")


def test_creating_the_tables_twice_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        add_definition(connection, RENT)
    create_recurring_transactions(engine)
    with engine.connect() as connection:
        assert len(connection.execute(select(recurring_transactions)).all()) == 1
