from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from stoker.handlers.money import billing, charging
from stoker.handlers.money.billing import PATIENCE, Billed, NotCharged, bill
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.testing import FakeContext

from .till import Till

SetDay = Callable[..., None]


def test_what_is_due_is_charged_and_goes_on_to_its_next_date(till: Till, today: date) -> None:
    id = till.put()
    assert till.run() == Billed(charged=1)
    [charge] = till.provider.taken.values()
    assert (charge.key, charge.attempt) == (f"billing:{id}:2026-03-31", 1)
    assert (charge.customer, charge.amount_cents, charge.currency) == ("Ann", 1_200, "EUR")
    assert (charge.payment_method, charge.period) == ("pm_1", today)
    [row] = till.rows()
    assert (row.state, row.next_charge_on) == ("active", date(2026, 4, 30))
    assert (row.last_charge, row.last_charged_at) == (charge.key, till.schedules.now())


def test_a_second_run_of_the_day_charges_nothing(till: Till, today: date) -> None:
    till.put()
    till.run()
    assert till.run() == Billed()
    assert len(till.provider.asked) == 1


def test_nothing_is_charged_before_its_day(till: Till, set_day: SetDay) -> None:
    till.put()
    set_day(2026, 3, 30)
    assert till.run() == Billed()
    assert till.provider.asked == []


def test_the_day_is_that_of_the_schedules_own_place(till: Till, set_day: SetDay) -> None:
    till.put(timezone="Pacific/Auckland", customer="Kiri")
    till.put(timezone="America/New_York", customer="Sam")
    set_day(2026, 3, 30, 20)
    assert till.run() == Billed(charged=1)
    set_day(2026, 3, 31, 3)
    assert till.run() == Billed()
    set_day(2026, 3, 31, 5)
    assert till.run() == Billed(charged=1)
    assert [charge.customer for charge in till.provider.asked] == ["Kiri", "Sam"]


def test_of_several_missed_periods_each_run_charges_the_oldest(till: Till, today: date) -> None:
    till.put(next_charge_on=date(2026, 1, 31))
    for _ in range(4):
        till.run()
    assert [f"{charge.period:%m-%d}" for charge in till.provider.asked] == ["01-31", "02-28", "03-31"]


@pytest.mark.parametrize("state", ["cancelled", "paused"])
def test_what_is_not_active_is_not_charged(till: Till, today: date, state: str) -> None:
    till.change(till.put(), state=state)
    assert till.run() == Billed()
    assert till.provider.asked == []


def test_a_decline_makes_it_past_due_and_is_tried_again_on_its_day(
    till: Till, today: date, set_day: SetDay
) -> None:
    till.put(retry_days=(3, 5))
    till.provider.declining = {"pm_1"}
    ctx = FakeContext()
    assert till.run(ctx) == Billed(past_due=1)
    assert "schedule 1 is past_due: no funds" in ctx.logs
    [row] = till.rows()
    assert (row.state, row.failures, row.retry_on) == ("past_due", 1, date(2026, 4, 3))
    assert row.last_error == "no funds"
    set_day(2026, 4, 2)
    assert till.run() == Billed()
    till.provider.declining = set()
    set_day(2026, 4, 3)
    assert till.run() == Billed(charged=1)
    assert [charge.attempt for charge in till.provider.asked] == [1, 2]
    [row] = till.rows()
    assert (row.state, row.failures, row.retry_on, row.last_error) == ("active", 0, None, None)
    assert row.next_charge_on == date(2026, 4, 30)


def test_declines_until_the_days_are_used_up_cancel(till: Till, set_day: SetDay) -> None:
    till.put(retry_days=(3, 5))
    till.provider.declining = {"pm_1"}
    ended = []
    for day in range(1, 30):
        set_day(2026, 4, day)
        done = till.run()
        if done != Billed():
            ended.append((day, "cancelled" if done.cancelled else "past_due"))
    assert ended == [(1, "past_due"), (4, "past_due"), (9, "cancelled")]
    assert till.rows()[0].state == "cancelled"


def test_a_schedule_that_is_taken_up_again_is_charged_anew(till: Till, today: date) -> None:
    id = till.put(retry_days=())
    till.provider.declining = {"pm_1"}
    till.run()
    till.change(id, state="active", failures=0, payment_method="pm_2")
    assert till.run() == Billed(charged=1)
    assert [charge.attempt for charge in till.provider.asked] == [1, 2]
    assert len({charge.key for charge in till.provider.asked}) == 1


def test_a_silence_leaves_its_schedule_as_it_was_and_keeps_no_other_back(
    till: Till, today: date
) -> None:
    for name in ("Ann", "Bob", "Cat"):
        till.put(customer=name)
    before = till.rows()[1]
    till.provider.silent = {"Bob"}
    ctx = FakeContext()
    with pytest.raises(NotCharged, match="2 charged, 0 past_due, 0 cancelled, 0 failed, 1 unanswered"):
        till.run(ctx)
    assert till.rows()[1] == before
    assert any("the line is dead" in line for line in ctx.logs)
    till.provider.silent = set()
    assert till.run() == Billed(charged=1)
    assert [charge.attempt for charge in till.provider.asked] == [1, 1, 1, 1]


def test_a_gateway_that_is_silent_throughout_is_left_alone(till: Till, today: date) -> None:
    for number in range(10):
        till.put(customer=f"{number}")
    till.provider.silent = {f"{number}" for number in range(10)}
    with pytest.raises(NotCharged, match=f"did not answer {PATIENCE} times in a row"):
        till.run()
    assert len(till.provider.asked) == PATIENCE


def test_silences_with_answers_between_them_do_not_end_the_run(till: Till, today: date) -> None:
    for number in range(10):
        till.put(customer=f"{number}")
    till.provider.silent = {"0", "1", "3", "4", "6", "8"}
    with pytest.raises(NotCharged, match="4 charged"):
        till.run()
    assert len(till.provider.asked) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"frequency": "hourly"},
        {"anchor_day": 0},
        {"amount_cents": 0},
        {"currency": "?"},
        {"timezone": "Nowhere"},
        {"retry_days": "soon"},
        {"retry_days": [0]},
    ],
)
def test_bad_data_fails_alone_and_charges_nothing(
    till: Till, today: date, wrong: dict[str, Any]
) -> None:
    for name in ("Ann", "Bob", "Cat"):
        till.put(customer=name)
    till.change(2, **wrong)
    ctx = FakeContext()
    assert till.run(ctx) == Billed(charged=2, failed=1)
    assert [charge.customer for charge in till.provider.asked] == ["Ann", "Cat"]
    assert any(line.startswith("schedule 2 was not charged: ") for line in ctx.logs)


def test_many_warnings_do_not_flood_the_log(
    till: Till, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing, "MOST_TOLD", 3)
    for _ in range(7):
        till.put()
    till.provider.declining = {"pm_1"}
    ctx = FakeContext()
    till.run(ctx)
    assert ctx.levels.count("warning") == 3
    assert "7 past_due" in ctx.logs[-1]


def test_a_run_that_is_stopped_keeps_what_it_has_charged(till: Till, today: date) -> None:
    for number in range(5):
        till.put(customer=f"{number}")

    def check() -> None:
        if len(till.provider.asked) == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        bill(FakeContext(), till.schedules, till.provider, check)
    assert [row.next_charge_on.month for row in till.rows()] == [4, 4, 3, 3, 3]
    assert till.run() == Billed(charged=3)


def test_all_batches_are_gone_through(till: Till, today: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "BATCH", 2)
    for number in range(7):
        till.put(customer=f"{number}", rule=Rule(frequency="weekly", day=1))
    ctx = FakeContext()
    assert till.run(ctx) == Billed(charged=7)
    percents = [percent for percent, _ in ctx.progressed]
    assert percents == sorted(percents) and (percents[0], percents[-1]) == (0, 100)
