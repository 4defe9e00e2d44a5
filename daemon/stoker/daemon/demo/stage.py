"""What the demo's daemon works with: a temporary folder, databases, a configuration."""

import os
from datetime import date
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from stoker.daemon.demo.handlers import FOLDER
from stoker.daemon.demo.mailbox import DEFERRED
from stoker.handlers.database import connect_database
from stoker.handlers.mail.message import Mail
from stoker.handlers.mail.outbox import create_outbox, queue_mail
from stoker.handlers.reports.transactions import (
    Transaction,
    create_transactions,
    sample_transactions,
    seed_transactions,
)

FIRST_DAY = date(2026, 1, 1)
DAYS = 90
TRANSACTIONS = 30_000
QUEUED = 200
"""Mails that an application has put into the outbox within its own transaction."""
DEFERRED_MAILS = 3
"""Further ones, to a recipient whom the server does not take for now."""

_CONFIG = """\
broker: {broker}
name: demo
max_concurrency: 32
isolated: 2
handlers: [stoker.handlers.mail, stoker.handlers.reports, stoker.daemon.demo.handlers]
shutdown_grace: 5s
cancel_grace: 5s
progress_flush_interval: 500ms
web: {{enabled: false}}
log: {{level: info, format: json}}
"""


class Stage(msgspec.Struct, frozen=True):
    """Where everything lies."""

    folder: Path
    config: Path
    broker: str
    database: str
    reports: Path
    marks: Path
    log: Path
    environment: dict[str, str]


def set_stage(folder: Path, smtp_port: int) -> Stage:
    """Write the configuration; makes folders, no databases."""
    reports, marks = folder / "reports", folder / "marks"
    reports.mkdir()
    marks.mkdir()
    broker = f"sqlite:///{folder / 'stoker.db'}"
    database = f"sqlite:///{folder / 'app.db'}"
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(broker=broker), encoding="utf-8")
    # What the caller's environment says about Stoker must not reach the demo's daemon.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STOKER_")}
    return Stage(
        folder=folder,
        config=config,
        broker=broker,
        database=database,
        reports=reports,
        marks=marks,
        log=folder / "daemon.log",
        environment=inherited
        | {
            "STOKER_SMTP_URL": f"smtp+plain://127.0.0.1:{smtp_port}?connections=8",
            "STOKER_MAIL_FROM": "Demo <demo@demo.example>",
            "STOKER_DATABASE_URL": database,
            "STOKER_REPORTS_DIR": str(reports),
            FOLDER: str(marks),
        },
    )


def sample() -> list[Transaction]:
    """The data set of the demo's reports, computed afresh."""
    return list(sample_transactions(TRANSACTIONS, first_day=FIRST_DAY, days=DAYS))


def fill_database(stage: Stage) -> Engine:
    """Make the application's database: transactions, and an outbox with mails in it. Blocks."""
    engine = connect_database(stage.database)
    create_transactions(engine)
    create_outbox(engine)
    seed_transactions(engine, iter(sample()))
    with engine.begin() as connection:
        for number in range(QUEUED):
            queue_mail(connection, _mail(f"customer{number}@shop.example"), priority=number % 10)
        for number in range(DEFERRED_MAILS):
            queue_mail(connection, _mail(f"{DEFERRED}@shop.example"), key=f"deferred {number}")
    return engine


def _mail(to: str) -> Mail:
    return Mail(to=(to,), subject="Your order", text="It is on its way.", sender="shop@shop.example")
