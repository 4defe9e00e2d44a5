from datetime import date
from pathlib import Path

import pytest

from stoker.daemon.demo.reading import read_report
from stoker.handlers.database import connect_database
from stoker.handlers.reports.generating import Order, write_report
from stoker.handlers.reports.period import Month, group
from stoker.handlers.reports.transactions import (
    create_transactions,
    sample_transactions,
    seed_transactions,
)
from stoker.handlers.testing import FakeContext


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_what_was_written_is_read_back(tmp_path: Path, format) -> None:
    rows = list(sample_transactions(700, first_day=date(2026, 1, 1), days=31))
    engine = connect_database(f"sqlite:///{tmp_path}/app.db")
    create_transactions(engine)
    seed_transactions(engine, iter(rows))
    order = Order(
        kind="weekly",
        month=Month.of(date(2026, 1, 1)),
        format=format,
        path=tmp_path / f"report.{format}",
        part="job",
    )
    write_report(FakeContext(), engine, order, lambda: None)
    engine.dispose()
    read = read_report(order.path)
    assert read.rows == len(rows) and read.difference == "0 rows, 0 cents"
    assert read.transactions == read.subtotals
    weeks = {period for period, _, _ in read.transactions}
    assert weeks == {group("weekly", row.occurred_at) for row in rows}
    assert sum(read.transactions.values()) == sum(row.amount_cents for row in rows)
