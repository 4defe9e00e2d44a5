"""Numbered steps, forward only. Each first expands; what nobody needs goes a release later.

The store records which step it has reached and the oldest program that may still use it (by the number
of that program's own last step), so that a rolling upgrade works: only a program older than that
refuses.
"""

import re
import sqlite3
from importlib.resources import files
from pathlib import Path

import msgspec

from stoker.brokers.sqlite.failures import foreign_errors_mapped
from stoker.jobs.errors import BrokerRefused, SchemaTooNew

_NAME = re.compile(r"(\d{4})\.sql")
_OLDEST = re.compile(r"^-- .*\boldest: (\d+)", re.MULTILINE)
_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS stoker_schema (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    boot_id TEXT NOT NULL DEFAULT ''
)
"""


class Step(msgspec.Struct, frozen=True):
    """One migration, and the oldest program that still understands the store after it."""

    number: int
    oldest: int
    sql: str


class Stored(msgspec.Struct, frozen=True):
    """What the store says of itself; version 0 is an empty one."""

    version: int = 0
    oldest: int = 0


def steps() -> list[Step]:
    """All steps of this program, from 1 on without a gap."""
    found = []
    for file in (files("stoker.brokers.sqlite") / "migrations").iterdir():
        if name := _NAME.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            oldest = _OLDEST.search(text)
            if oldest is None:
                raise BrokerRefused(f"the migration {file.name} does not say `oldest: N`")
            found.append(Step(int(name[1]), int(oldest[1]), text))
    found.sort(key=lambda step: step.number)
    if not found or [step.number for step in found] != list(range(1, len(found) + 1)):
        raise BrokerRefused("the migrations of the SQLite broker are not numbered 1, 2, 3 …")
    return found


def stored(connection: sqlite3.Connection) -> Stored:
    """What the store says of itself."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'stoker_schema'").fetchone()
    if known is None:
        return Stored()
    row = connection.execute("SELECT version, oldest FROM stoker_schema").fetchone()
    return Stored() if row is None else Stored(*row)


def refuse_too_new(found: Stored, known: int, path: Path) -> None:
    """Raise SchemaTooNew if this program, which knows so many steps, is too old for the store."""
    if known < found.oldest:
        raise SchemaTooNew(
            f"the database {path} was prepared by a newer Stoker (schema {found.version}, for programs "
            f"from schema {found.oldest} on; this one knows {known}): upgrade this program"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Take the steps that are still to be taken, all in one transaction."""
    todo = steps()
    with foreign_errors_mapped(path):
        found = stored(connection)
        refuse_too_new(found, len(todo), path)
        if found.version >= len(todo):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_VERSION_TABLE)
            found = stored(connection)  # another process may have been quicker
            refuse_too_new(found, len(todo), path)
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
