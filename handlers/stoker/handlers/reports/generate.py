"""The handler `reports.generate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine, inspect

from stoker.handlers import Cancel, Context, Fail, handler, resource
from stoker.handlers.database import VARIABLE, open_database
from stoker.handlers.environment import required
from stoker.handlers.reports.generating import Order, Report, write_report
from stoker.handlers.reports.period import Kind, Month
from stoker.handlers.reports.transactions import transactions
from stoker.handlers.reports.writing import Format, report_path
from stoker.jobs.errors import ConfigError, InvalidJob


class Desk(msgspec.Struct, frozen=True):
    """What a report needs: the data, and a folder to lay it in."""

    engine: Engine
    folder: Path


@contextmanager
def open_desk() -> Iterator[Desk]:
    """The database of STOKER_DATABASE_URL and the folder STOKER_REPORTS_DIR.

    Raises ConfigError if either is missing or the data set's table is not there.
    """
    folder = Path(required("STOKER_REPORTS_DIR", "/var/lib/app/reports")).absolute()
    with open_database() as engine:
        if not inspect(engine).has_table(transactions.name):
            raise ConfigError(
                f"the database of {VARIABLE} has no table {transactions.name}: create it once with "
                "stoker.handlers.reports.transactions.create_transactions(engine)"
            )
        yield Desk(engine, folder)


@handler("reports.generate", queue="reports", priority=7, timeout="10m")
def generate(
    ctx: Context,
    kind: Kind,
    month: date | None = None,
    format: Format = "csv",
    name: str | None = None,
    *,
    desk: Desk = resource(open_desk),
) -> Report:
    """Report one month of transactions, by day, by week or as a whole, to a CSV or XLSX file.

    `month` is any day in it; without one, the last month that is over. The file lies in
    STOKER_REPORTS_DIR, under `name` or `transactions-<kind>-<month>`, and replaces one of that name.
    """
    covered = Month.before(datetime.now(UTC)) if month is None else Month.of(month)
    try:
        path = report_path(desk.folder, name or f"transactions-{kind}-{covered}", format)
    except InvalidJob as error:
        raise Fail(str(error)) from None

    def check() -> None:
        if ctx.cancelled:
            raise Cancel(ctx.cancel_reason)

    order = Order(kind=kind, month=covered, format=format, path=path, part=ctx.job.id)
    return write_report(ctx, desk.engine, order, check)
