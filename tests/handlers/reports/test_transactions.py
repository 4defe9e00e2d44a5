from datetime import date
from itertools import islice

from stoker.handlers.reports.transactions import Transaction, sample_transactions


def take(seed: int) -> list[Transaction]:
    return list(sample_transactions(500, first_day=date(2026, 1, 1), days=30, seed=seed))


def test_the_same_arguments_give_the_same_transactions() -> None:
    assert take(7) == take(7) != take(8)


def test_they_ascend_in_time_and_stay_within_their_days() -> None:
    rows = take(1)
    assert [row.occurred_at for row in rows] == sorted(row.occurred_at for row in rows)
    assert rows[0].occurred_at.date() == date(2026, 1, 1)
    assert rows[-1].occurred_at.date() == date(2026, 1, 30)


def test_some_carry_text_that_looks_like_a_formula() -> None:
    assert [row for row in islice(take(1), 100) if row.counterparty.startswith("=")]
