"""Creates and upgrades what the database must hold."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from stoker.brokers.migrations import Step, Stored, read_steps, refuse_newer
from stoker.brokers.sqlite.failures import foreign_errors_mapped

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS stoker_schema (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    boot_id TEXT NOT NULL DEFAULT ''
)
"""


def steps() -> list[Step]:
    """All steps of this program."""
    return read_steps(files("stoker.brokers.sqlite") / "migrations")


def stored(connection: sqlite3.Connection) -> Stored:
    """What the store says of itself."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stoker_schema'").fetchone()
    if known is None:
        return Stored()
    row = connection.execute("SELECT version, oldest FROM stoker_schema").fetchone()
    return Stored() if row is None else Stored(*row)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Take the steps that are still to be taken, all in one transaction."""
    todo = steps()
    with foreign_errors_mapped(path):
        found = stored(connection)
        refuse_newer(found, len(todo), f"the database {path}")
        if found.version >= len(todo):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_VERSION_TABLE)
            found = stored(connection)  # another process may have been quicker
            refuse_newer(found, len(todo), f"the database {path}")
            for step in todo[found.version :]:
                _take(connection, step)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _take(connection: sqlite3.Connection, step: Step) -> None:
    statement = ""
    for line in step.sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(
        "INSERT INTO stoker_schema (one, version, oldest) VALUES (1, ?, ?) "
        "ON CONFLICT (one) DO UPDATE SET version = excluded.version, oldest = excluded.oldest",
        (step.number, step.oldest),
    )
