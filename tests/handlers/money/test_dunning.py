from datetime import date
from typing import Any

import msgspec
import pytest

from stoker.handlers.money.dunning import Change, after
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.gateway import Charged, Declined
from stoker.handlers.money.schedules import Schedule

PLAN = Schedule(
    id=7,
    customer="Ann",
    amount_cents=1_200,
    currency="EUR",
    payment_method="pm_1",
    rule=Rule(frequency="monthly", day=31),
    next_charge_on=date(2026, 1, 31),
    retry_days=(3, 5),
)
TODAY = date(2026, 2, 1)


def plan(**changes: Any) -> Schedule:
    return msgspec.structs.replace(PLAN, **changes)


def test_what_is_charged_goes_on_to_its_next_date() -> None:
    late = plan(state="past_due", attempts=2, failures=2, retry_on=TODAY)
    assert after(late, Charged("ch_1"), TODAY) == Change(
        state="active",
        next_charge_on=date(2026, 2, 28),
        attempts=0,
        failures=0,
        retry_on=None,
        charge="ch_1",
        error=None,
    )


def test_a_late_payment_does_not_move_the_dates_that_follow() -> None:
    assert after(PLAN, Charged("ch"), date(2026, 2, 20)).next_charge_on == date(2026, 2, 28)
    assert after(PLAN, Charged("ch"), date(2026, 4, 20)).next_charge_on == date(2026, 2, 28)


def test_a_short_month_does_not_shorten_those_that_follow() -> None:
    after_february = after(plan(next_charge_on=date(2026, 2, 28)), Charged("ch"), date(2026, 2, 28))
    assert after_february.next_charge_on == date(2026, 3, 31)


def test_a_decline_waits_for_its_first_day() -> None:
    assert after(PLAN, Declined("no funds"), TODAY) == Change(
        state="past_due",
        next_charge_on=date(2026, 1, 31),
        attempts=1,
        failures=1,
        retry_on=date(2026, 2, 4),
        charge=None,
        error="no funds",
    )


def test_each_further_decline_waits_for_its_own_day_and_the_last_cancels() -> None:
    once = plan(state="past_due", attempts=1, failures=1, retry_on=TODAY)
    change = after(once, Declined("no funds"), TODAY)
    assert (change.state, change.failures, change.retry_on) == ("past_due", 2, date(2026, 2, 6))
    twice = plan(state="past_due", attempts=2, failures=2, retry_on=TODAY)
    change = after(twice, Declined("no funds"), TODAY)
    assert (change.state, change.failures, change.retry_on) == ("cancelled", 3, None)
    assert change.next_charge_on == date(2026, 1, 31)


def test_without_days_to_retry_the_first_decline_cancels() -> None:
    assert after(plan(retry_days=()), Declined("no"), TODAY).state == "cancelled"


def test_attempts_go_on_where_the_application_has_forgotten_the_failures() -> None:
    change = after(plan(attempts=3, failures=0), Declined("no"), TODAY)
    assert (change.attempts, change.failures, change.state) == (4, 1, "past_due")


@pytest.mark.parametrize(
    ("state", "retry_on", "due_on"),
    [
        ("active", None, PLAN.next_charge_on),
        ("active", date(2026, 5, 1), PLAN.next_charge_on),
        ("past_due", date(2026, 5, 1), date(2026, 5, 1)),
        ("past_due", None, PLAN.next_charge_on),
    ],
)
def test_only_what_is_past_due_waits_for_its_retry(state: Any, retry_on: Any, due_on: date) -> None:
    assert plan(state=state, retry_on=retry_on).due_on == due_on
