"""What sqlite3 raises, in Stoker's words: try again, or do not."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stoker.jobs.errors import BrokerError, BrokerRefused, BrokerUnavailable

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REFUSED = {
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
    sqlite3.SQLITE_READONLY: "may not be written to",
    sqlite3.SQLITE_PERM: "may not be opened",
    sqlite3.SQLITE_AUTH: "may not be used",
}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "is locked by another connection's open transaction",
    sqlite3.SQLITE_LOCKED: "is locked by another connection's open transaction",
    sqlite3.SQLITE_FULL: "has no room left on its disk",
    sqlite3.SQLITE_IOERR: "could not be read or written",
    sqlite3.SQLITE_CANTOPEN: "could not be opened",
    sqlite3.SQLITE_INTERRUPT: "did not answer in time",
    sqlite3.SQLITE_NOMEM: "ran out of memory",
    sqlite3.SQLITE_PROTOCOL: "is under too much contention",
    sqlite3.SQLITE_SCHEMA: "is being migrated",
}
CODE_MASK = 0xFF
"""The low byte of an extended result code is the primary one."""


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where sqlite3 itself raised."""
    return getattr(error, "sqlite_errorcode", 0) & CODE_MASK


def mapped(error: sqlite3.Error, path: Path | str) -> BrokerError:
    """The error that a caller of a broker sees in place of this one."""
    code = primary_code(error)
    if code in _REFUSED:
        return BrokerRefused(f"the database {path} {_REFUSED[code]} ({error})")
    return BrokerUnavailable(f"the database {path} {_UNAVAILABLE.get(code, 'failed')} ({error})")


@contextmanager
def foreign_errors_mapped(path: Path | str) -> Iterator[None]:
    """Within, no sqlite3.Error gets out."""
    try:
        yield
    except sqlite3.Error as error:
        raise mapped(error, path) from error
