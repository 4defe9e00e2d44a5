"""What a report adds up, line by line. Pure."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from stoker.handlers.reports.period import Kind, group
from stoker.handlers.reports.transactions import Transaction

LineType = Literal["transaction", "subtotal", "total", "reconciliation"]

COLUMNS = (
    "line",
    "period",
    "time",
    "id",
    "category",
    "status",
    "counterparty",
    "reference",
    "count",
    "amount",
)

Cell = str | int | None
"""Text, a count, or nothing. An amount travels beside the cells, as `Line.cents`."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of a report: every column but the amount, and the amount in cents."""

    cells: tuple[Cell, ...]
    cents: int


class Sum(msgspec.Struct, frozen=True, gc=False):
    """How many transactions, and what they come to in cents."""

    count: int = 0
    cents: int = 0

    def plus(self, count: int, cents: int) -> "Sum":
        """This and more."""
        return Sum(self.count + count, self.cents + cents)


class Ledger:
    """Turns transactions into lines, and keeps the sums of what went through."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self.all = Sum()
        self.groups: dict[tuple[str, str, str], Sum] = {}
        self.by_status: dict[str, Sum] = {}

    def enter(self, row: Transaction) -> Line:
        """Add one transaction; answers its line."""
        period = group(self.kind, row.occurred_at)
        key = (period, row.category, row.status)
        self.all = self.all.plus(1, row.amount_cents)
        self.groups[key] = self.groups.get(key, Sum()).plus(1, row.amount_cents)
        self.by_status[row.status] = self.by_status.get(row.status, Sum()).plus(1, row.amount_cents)
        return Line(
            (
                "transaction",
                period,
                f"{row.occurred_at:%Y-%m-%d %H:%M:%S}",
                row.id,
                row.category,
                row.status,
                row.counterparty,
                row.reference,
                1,
            ),
            row.amount_cents,
        )

    def subtotals(self) -> Iterator[Line]:
        """One line for each period, category and status that occurred, in that order."""
        for (period, category, status), sum in sorted(self.groups.items()):
            yield _line("subtotal", period, sum, category=category, status=status)

    def totals(self, month: str) -> Iterator[Line]:
        """One line for each status, and one for everything."""
        for status, sum in sorted(self.by_status.items()):
            yield _line("total", month, sum, status=status)
        yield _line("total", month, self.all)

    def reconciliation(self, month: str, opening: Sum, counted: Sum) -> Iterator[Line]:
        """Opening balance, settled movement, closing balance; and what was read against what the
        database itself adds up, with the difference, which must be nothing."""
        settled = self.by_status.get("settled", Sum())
        closing = opening.plus(settled.count, settled.cents)
        difference = Sum(self.all.count - counted.count, self.all.cents - counted.cents)
        sums: Mapping[str, Sum] = {
            "opening balance": opening,
            "settled": settled,
            "closing balance": closing,
            "rows in the report": self.all,
            "rows in the database": counted,
            "difference": difference,
        }
        for name, sum in sums.items():
            yield _line("reconciliation", month, sum, reference=name)


def _line(
    line: LineType, period: str, sum: Sum, category: str = "", status: str = "", reference: str = ""
) -> Line:
    return Line((line, period, None, None, category, status, None, reference, sum.count), sum.cents)
