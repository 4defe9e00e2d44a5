from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from stoker.handlers.money.terms import (
    InvalidTerms,
    check_cents,
    check_currency,
    check_date,
    check_text,
    zone,
)


@pytest.mark.parametrize("value", [12.0, 12.5, "12", None, True, Decimal("12.50"), 2**63, -(2**63)])
def test_what_is_no_whole_number_of_cents_is_no_amount(value: Any) -> None:
    with pytest.raises(InvalidTerms, match="amount_cents is a whole number"):
        check_cents(value)


@pytest.mark.parametrize("value", [0, -5, 2**63 - 1])
def test_an_amount_may_be_anything_that_its_column_holds(value: int) -> None:
    assert check_cents(value) == value


@pytest.mark.parametrize("value", ["eur", "EURO", "E1R", "", None, 978, "EUR\n"])
def test_a_currency_is_three_capital_letters(value: Any) -> None:
    with pytest.raises(InvalidTerms, match="currency"):
        check_currency(value)


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01", None, 0])
def test_a_date_has_no_time(value: Any) -> None:
    with pytest.raises(InvalidTerms, match="start_date is a date"):
        check_date(value, "start_date")
    assert check_date(date(2026, 1, 1), "start_date") == date(2026, 1, 1)


@pytest.mark.parametrize("value", ["", "a\0b", None, 5])
def test_a_text_is_one_that_a_database_keeps(value: Any) -> None:
    with pytest.raises(InvalidTerms, match="account is a text"):
        check_text(value, "account")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "a\0b", None, 5, "Europe"])
def test_a_time_zone_has_a_name(name: Any) -> None:
    with pytest.raises(InvalidTerms, match="timezone is a name such as Europe/Vienna"):
        zone(name)
    assert zone("Europe/Vienna").key == "Europe/Vienna"
