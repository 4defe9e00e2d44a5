from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from stoker.handlers.money import books as books_module
from stoker.handlers.money import processing
from stoker.handlers.money.definitions import recurring_postings
from stoker.handlers.money.frequencies import Rule
from stoker.handlers.money.processing import Processed, process
from stoker.handlers.reports.generating import Order, write_report
from stoker.handlers.reports.period import Month
from stoker.handlers.reports.transactions import transactions
from stoker.handlers.testing import FakeContext

from .bookkeeper import Bookkeeper

SetDay = Callable[..., None]
NO_DATE = {"sqlite": "'soon'", "postgresql": "'infinity'::date"}
"""What can stand in a column of dates, and is none that Python has."""


def test_every_date_that_is_due_becomes_a_transaction(keeper: Bookkeeper, today: date) -> None:
    id = keeper.put()
    assert keeper.run() == Processed(definitions=1, created=3)
    assert keeper.booked() == [("Rent", "2026-01-31"), ("Rent", "2026-02-28"), ("Rent", "2026-03-31")]
    with keeper.engine.connect() as connection:
        row = connection.execute(select(transactions)).first()
        keys = connection.execute(select(recurring_postings)).all()
    assert row is not None
    assert (row.amount_cents, row.counterparty) == (-90_000, "Alder Homes")
    assert (row.category, row.status) == ("recurring", "settled")
    assert {key.definition_id for key in keys} == {id} and len(keys) == 3
    assert keeper.rows()[0].last_processed_date == today


def test_a_second_run_makes_nothing(keeper: Bookkeeper, today: date) -> None:
    keeper.put()
    keeper.run()
    assert keeper.run() == Processed(definitions=1)
    assert len(keeper.booked()) == 3


def test_each_day_makes_what_is_due_on_it(keeper: Bookkeeper, set_day: SetDay) -> None:
    keeper.put()
    made = {}
    for day in range(28, 32):
        set_day(2026, 1, day)
        made[day] = keeper.run().created
    assert made == {28: 0, 29: 0, 30: 0, 31: 1}


def test_weekly_and_yearly_ones_are_made_as_well(keeper: Bookkeeper, today: date) -> None:
    keeper.put(rule=Rule(frequency="weekly", day=7), start=date(2026, 3, 10), description="Sunday")
    keeper.put(
        rule=Rule(frequency="yearly", day=29, month=2), start=date(2024, 1, 1), description="Leap"
    )
    keeper.run()
    assert keeper.booked() == [
        ("Leap", "2024-02-29"),
        ("Leap", "2025-02-28"),
        ("Leap", "2026-02-28"),
        *(("Sunday", f"2026-03-{day}") for day in (15, 22, 29)),
    ]


def test_one_that_is_switched_off_is_left_alone(keeper: Bookkeeper, today: date) -> None:
    keeper.change(keeper.put(), enabled=False)
    assert keeper.run() == Processed()


def test_what_was_missed_is_made_up_the_oldest_first_up_to_the_cap(
    keeper: Bookkeeper, today: date
) -> None:
    keeper.put()
    ctx = FakeContext()
    assert keeper.run(2, ctx) == Processed(definitions=1, created=2, behind=1)
    assert keeper.booked() == [("Rent", "2026-01-31"), ("Rent", "2026-02-28")]
    assert any("1 behind" in line for line in ctx.logs)
    assert keeper.run(2) == Processed(definitions=1, created=1)
    assert len(keeper.booked()) == 3


def test_today_is_the_day_where_the_definition_is(keeper: Bookkeeper, set_day: SetDay) -> None:
    keeper.put(timezone="Pacific/Auckland", description="Auckland")
    keeper.put(timezone="America/New_York", description="New York")
    set_day(2026, 1, 30, 20)
    keeper.run()
    assert keeper.booked() == [("Auckland", "2026-01-31")]
    set_day(2026, 1, 31, 4)
    assert keeper.run().created == 0
    set_day(2026, 1, 31, 6)
    keeper.run()
    assert keeper.booked() == [("Auckland", "2026-01-31"), ("New York", "2026-01-31")]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"frequency": "hourly"}, "frequency is weekly, monthly or yearly"),
        ({"anchor_day": 0}, "anchor_day"),
        ({"anchor_month": 3}, "anchor_month"),
        ({"end_date": date(2020, 1, 1)}, "lies before start_date"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"currency": "USD"}, "it is in USD, but the transactions here are in EUR"),
        ({"account": ""}, "account"),
    ],
)
def test_bad_data_fails_alone_and_is_told(
    keeper: Bookkeeper, today: date, wrong: dict[str, Any], named: str
) -> None:
    keeper.put(description="a")
    bad = keeper.put(description="b")
    keeper.put(description="c")
    keeper.change(bad, **wrong)
    ctx = FakeContext()
    assert keeper.run(ctx=ctx) == Processed(definitions=3, created=6, failed=1)
    assert {reference for reference, _ in keeper.booked()} == {"a", "c"}
    [line] = [line for line, level in zip(ctx.logs, ctx.levels, strict=True) if level == "warning"]
    assert line.startswith(f"definition {bad} was not processed: ") and named in line
    assert keeper.rows()[1].last_processed_date is None


def test_a_row_that_cannot_even_be_read_fails_alone(keeper: Bookkeeper, today: date) -> None:
    ids = [keeper.put(description=name) for name in "abcde"]
    value = NO_DATE[keeper.engine.dialect.name]
    with keeper.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE recurring_transactions SET end_date = {value} WHERE id = {ids[3]}")
        )
    ctx = FakeContext()
    assert keeper.run(ctx=ctx) == Processed(definitions=5, created=12, failed=1)
    assert any(line.startswith(f"definition {ids[3]} was not processed") for line in ctx.logs)


def test_a_float_in_the_amounts_column_is_never_booked(sqlite_keeper: Bookkeeper, today: date) -> None:
    keeper = sqlite_keeper  # Postgres takes none
    id = keeper.put()
    keeper.change(id, amount_cents=9.5)
    ctx = FakeContext()
    assert keeper.run(ctx=ctx) == Processed(definitions=1, failed=1)
    assert any("not 9.5" in line for line in ctx.logs)


def test_many_failures_do_not_flood_the_log(
    keeper: Bookkeeper, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "MOST_TOLD", 3)
    monkeypatch.setattr(books_module, "BATCH", 2)
    for _ in range(7):
        keeper.put(currency="USD")
    ctx = FakeContext()
    assert keeper.run(ctx=ctx).failed == 7
    assert ctx.levels.count("warning") == 3
    assert "7 failed" in ctx.logs[-1]


def test_a_run_that_is_stopped_keeps_what_it_has_booked(
    keeper: Bookkeeper, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "BATCH", 2)
    for number in range(6):
        keeper.put(description=f"{number}")
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        process(FakeContext(), keeper.books, 60, check)
    assert {reference for reference, _ in keeper.booked()} == {"0", "1"}
    assert keeper.run() == Processed(definitions=6, created=12)


def test_progress_goes_up_to_a_hundred(
    keeper: Bookkeeper, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "BATCH", 2)
    for _ in range(5):
        keeper.put()
    ctx = FakeContext()
    keeper.run(ctx=ctx)
    percents = [percent for percent, _ in ctx.progressed]
    assert percents == sorted(percents) and (percents[0], percents[-1]) == (0, 100)
    assert len(percents) == 5


def test_what_was_made_is_in_the_months_report(keeper: Bookkeeper, today: date, tmp_path: Path) -> None:
    keeper.put()
    keeper.run()
    order = Order(
        kind="daily",
        month=Month.of(date(2026, 2, 1)),
        format="csv",
        path=tmp_path / "report.csv",
        part="job",
    )
    report = write_report(FakeContext(), keeper.engine, order, lambda: None)
    assert (report.rows, report.cents) == (1, -90_000)
    assert ",2026-02-28," in (tmp_path / "report.csv").read_text()
