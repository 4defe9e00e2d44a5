"""Makes a report: reads one month of the data set in chunks, writes it, reconciles it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, func, select

from stoker.handlers.reports.ledger import Ledger, Line, Sum
from stoker.handlers.reports.period import Kind, Month
from stoker.handlers.reports.transactions import Transaction, transactions
from stoker.handlers.reports.writing import Format, Lines, report_file
from stoker.jobs.errors import StokerError

CHUNK = 1_000
"""Rows between two looks at whether the job has been cancelled."""


class ReportWrong(StokerError):
    """The report does not add up to what the database says; it was not kept."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report that lies there whole."""

    path: str
    rows: int
    """Transactions in it."""
    cents: int
    """What they come to."""
    kind: str
    month: str
    bytes: int
    """Size of the file."""


class Teller(Protocol):
    """The part of a job's context that a report needs."""

    def progress(self, percent: float, message: str | None = None) -> None: ...

    def log(self, message: str, level: str = "info") -> None: ...


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Which report, and where it goes."""

    kind: Kind
    month: Month
    format: Format
    path: Path
    part: str
    """Tells this writing from others of the same report, such as the job's id."""


def write_report(ctx: Teller, engine: Engine, order: Order, check: Callable[[], None]) -> Report:
    """Write it and answer what it holds. Blocks; `check` is called between chunks and may raise.

    Everything is read from one snapshot of the database. Whatever is raised, no part of the report
    stays. Raises ReportWrong if the sums do not match those that the database computes.
    """
    month, ledger = order.month, Ledger(order.kind)
    with engine.connect() as connection:
        _snapshot(connection)
        opening = _settled_before(connection, month.start)
        counted = _counted(connection, month)
        ctx.progress(0, f"{counted.count:,} transactions in {month}")
        ctx.log(f"{order.kind} report of {month}: {counted.count:,} transactions")
        with report_file(order.path, order.format, order.part) as lines:
            for chunk in _chunks(connection, month):
                check()
                for row in chunk:
                    lines.write(ledger.enter(row))
                done = ledger.all.count
                ctx.progress(min(95.0, 95 * done / max(counted.count, 1)), f"{done:,} rows")
            check()
            _write_all(lines, ledger.subtotals())
            _write_all(lines, ledger.totals(str(month)))
            _write_all(lines, ledger.reconciliation(str(month), opening, counted))
            if ledger.all != counted:
                raise ReportWrong(
                    f"{order.path.name}: read {ledger.all.count} rows worth {ledger.all.cents} cents, "
                    f"where the database counts {counted.count} worth {counted.cents}"
                )
    ctx.progress(100, "written")
    ctx.log(f"{order.path.name}: {ledger.all.count:,} rows, reconciled")
    return Report(
        path=str(order.path),
        rows=ledger.all.count,
        cents=ledger.all.cents,
        kind=order.kind,
        month=str(month),
        bytes=order.path.stat().st_size,
    )


def _write_all(lines: Lines, some: Iterator[Line]) -> None:
    for line in some:
        lines.write(line)


def _snapshot(connection: Connection) -> None:
    """From here on, every statement sees the database as it is now."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # the driver begins none before a SELECT
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _settled_before(connection: Connection, start: datetime) -> Sum:
    table = transactions.c
    return _sum(connection, table.status == "settled", table.occurred_at < start)


def _counted(connection: Connection, month: Month) -> Sum:
    table = transactions.c
    return _sum(connection, table.occurred_at >= month.start, table.occurred_at < month.end)


def _sum(connection: Connection, *conditions: object) -> Sum:
    total = func.coalesce(func.sum(transactions.c.amount_cents), 0)
    statement = select(func.count(), total).select_from(transactions).where(*conditions)  # type: ignore[arg-type]
    count, cents = connection.execute(statement).one()
    return Sum(int(count), int(cents))


def _chunks(connection: Connection, month: Month) -> Iterator[list[Transaction]]:
    table = transactions.c
    statement = (
        select(transactions)
        .where(table.occurred_at >= month.start, table.occurred_at < month.end)
        .order_by(table.occurred_at, table.id)
        .execution_options(yield_per=CHUNK)
    )
    for part in connection.execute(statement).partitions():
        yield [Transaction(*row) for row in part]
