import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine, event, insert

from stoker.handlers.reports import writing
from stoker.handlers.reports.generating import Order, Report, ReportWrong, write_report
from stoker.handlers.reports.ledger import COLUMNS
from stoker.handlers.reports.period import Month, group
from stoker.handlers.reports.transactions import Transaction, transactions
from stoker.handlers.testing import FakeContext

MARCH = Month.of(date(2026, 3, 1))
Write = Callable[..., Report]


@pytest.fixture
def write(engine: Engine, tmp_path: Path) -> Write:
    def write(kind: Any = "monthly", format: Any = "csv", ctx: Any = None, check: Any = None) -> Report:
        path = tmp_path / "reports" / f"report.{format}"
        order = Order(kind=kind, month=MARCH, format=format, path=path, part="job")
        return write_report(ctx or FakeContext(), engine, order, check or (lambda: None))

    return write


def in_march(sample: list[Transaction]) -> list[Transaction]:
    return [row for row in sample if row.occurred_at.month == 3]


def read_csv(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(report.path).read_text(encoding="utf-8"), newline="")))


def read_xlsx(report: Report) -> Iterator[list[list[str]]]:
    """Each sheet's cells as text, straight from the file's XML."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(report.path) as book:
        for name in sorted(name for name in book.namelist() if "worksheets/sheet" in name):
            assert b"<f>" not in book.read(name), "a formula"
            yield [
                [re.sub(r"\d", "", cell.attrib["r"]) + ":" + "".join(cell.itertext()) for cell in row]
                for row in ElementTree.fromstring(book.read(name)).iter(f"{space}row")
            ]


def cents(text: str) -> int:
    return round(float(text) * 100)


def test_a_csv_report_holds_every_transaction_of_its_month(write: Write, sample: Any) -> None:
    report = write()
    expected = in_march(sample)
    lines = [line for line in read_csv(report) if line["line"] == "transaction"]
    assert [int(line["id"]) for line in lines] == [row.id for row in expected]
    assert [cents(line["amount"]) for line in lines] == [row.amount_cents for row in expected]
    assert report.rows == len(expected) > 1000
    assert report.cents == sum(row.amount_cents for row in expected)
    assert report.bytes == Path(report.path).stat().st_size


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_subtotals_are_those_of_the_data(write: Write, sample: Any, kind: Any) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for row in in_march(sample):
        expected[group(kind, row.occurred_at), row.category, row.status] += row.amount_cents
    found = {
        (line["period"], line["category"], line["status"]): cents(line["amount"])
        for line in read_csv(write(kind))
        if line["line"] == "subtotal"
    }
    assert found == dict(expected)


def test_totals_and_subtotals_come_to_the_same(write: Write) -> None:
    lines = read_csv(write("daily"))
    subtotals = sum(cents(line["amount"]) for line in lines if line["line"] == "subtotal")
    whole = [line for line in lines if line["line"] == "total" and not line["status"]]
    assert [cents(line["amount"]) for line in whole] == [subtotals]


def test_the_report_reconciles_with_the_balance_before_it(write: Write, sample: Any) -> None:
    lines = {line["reference"]: line for line in read_csv(write()) if line["line"] == "reconciliation"}
    settled = [row for row in sample if row.status == "settled" and row.occurred_at < MARCH.end]
    before = sum(row.amount_cents for row in settled if row.occurred_at < MARCH.start)
    assert cents(lines["opening balance"]["amount"]) == before
    assert cents(lines["closing balance"]["amount"]) == sum(row.amount_cents for row in settled)
    assert (lines["difference"]["count"], lines["difference"]["amount"]) == ("0", "0.00")


def test_an_xlsx_report_holds_the_same_lines_as_the_csv(write: Write) -> None:
    table = [
        [f"{column}:{cell}" for column, cell in zip("ABCDEFGHIJ", row.values(), strict=True) if cell]
        for row in read_csv(write("weekly", "csv"))
    ]
    [[header, *rows]] = read_xlsx(write("weekly", "xlsx"))
    assert [cell[2:] for cell in header] == list(COLUMNS)
    assert len(rows) == len(table)
    for mine, theirs in zip(rows, table, strict=True):
        assert mine[:-1] == theirs[:-1]
        assert float(mine[-1][2:]) == float(theirs[-1][2:])


def test_lines_beyond_one_sheet_go_on_in_the_next(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SHEET_ROWS", 1000)
    report = write("monthly", "xlsx")
    sheets = list(read_xlsx(report))
    assert len(sheets) > 1 and {len(sheet) for sheet in sheets[:-1]} == {1000}
    lines = sum(len(sheet) - 1 for sheet in sheets)
    assert lines == len(read_csv(write("monthly", "csv")))


def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(write: Write) -> None:
    lines = read_csv(write())
    names = {line["counterparty"] for line in lines}
    assert "'=Delta+Sons" in names and "'@echo" in names and "Fjord; Partners" in names
    texts = [line[field] for line in lines for field in ("counterparty", "reference", "category")]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_a_negative_amount_stays_a_number(write: Write) -> None:
    assert any(line["amount"].startswith("-") for line in read_csv(write()))


def test_what_fails_midway_leaves_the_former_report_and_nothing_else(write: Write) -> None:
    first = Path(write().path)
    before = first.read_bytes()

    def fail() -> None:
        raise RuntimeError("cancelled")

    with pytest.raises(RuntimeError):
        write(check=fail)
    assert first.read_bytes() == before
    assert list(first.parent.iterdir()) == [first]


def test_a_stop_is_looked_for_between_chunks(write: Write) -> None:
    looks: list[int] = []
    report = write(check=lambda: looks.append(1))
    assert len(looks) >= report.rows // 1000


def test_progress_goes_up_to_a_hundred(write: Write) -> None:
    ctx = FakeContext()
    write(ctx=ctx)
    percents = [percent for percent, _ in ctx.progressed]
    assert percents == sorted(percents) and percents[0] == 0 and percents[-1] == 100
    assert len(ctx.logs) >= 2


def test_a_row_written_meanwhile_is_not_half_in_the_report(
    write: Write, engine: Engine, sample: Any
) -> None:
    extra = {
        "id": 999_999,
        "occurred_at": MARCH.start,
        "category": "card",
        "status": "settled",
        "amount_cents": 100,
        "counterparty": "late",
        "reference": "late",
    }
    written: list[int] = []

    def interfere() -> None:
        if not written:
            written.append(1)
            with engine.begin() as connection:
                connection.execute(insert(transactions), [extra])

    assert write(check=interfere).rows == len(in_march(sample))
    assert write().rows == len(in_march(sample)) + 1


def test_a_report_that_does_not_add_up_is_not_kept(
    write: Write, engine: Engine, tmp_path: Path
) -> None:
    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def lose_rows(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> Any:
        if "ORDER BY" in statement:
            statement = statement.replace("ORDER BY", "AND amount_cents > 500 ORDER BY")
        return statement, parameters

    with pytest.raises(ReportWrong, match="the database counts"):
        write()
    assert list((tmp_path / "reports").iterdir()) == []


def test_an_empty_month_gives_a_report_of_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    month = Month.of(date(2030, 1, 1))
    order = Order(kind="daily", month=month, format="csv", path=path, part="job")
    report = write_report(FakeContext(), engine, order, lambda: None)
    assert (report.rows, report.cents) == (0, 0)
    assert [line["line"] for line in read_csv(report)] == ["total"] + ["reconciliation"] * 6
