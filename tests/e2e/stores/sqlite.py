"""SQLite: a file in the folder of the test."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .ledger import Ledger
from .store import MICROSECOND

BUSY_FOR = 30.0
"""Seconds that others may take to finish a write."""
_LEDGER = """
CREATE TABLE ledger (
    job TEXT, state_was TEXT, token_was TEXT, state TEXT, token TEXT, lease_until INTEGER
);
CREATE TRIGGER ledger_kept AFTER UPDATE OF state, token, lease_until ON stoker_job BEGIN
    INSERT INTO ledger
    VALUES (new.id, old.state, old.token, new.state, new.token, new.lease_until);
END;
"""


class SqliteStore:
    """Its ledger is kept by a trigger, in the transaction of each write."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stoker.db"
        self.url = f"sqlite:///{self.path}"
        self.shown = str(self.path)

    def keep_ledger(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(_LEDGER)

    def ledger(self) -> Ledger:
        ledger = Ledger()
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT * FROM ledger ORDER BY rowid").fetchall()
        for job, state_was, token_was, state, token, lease_until in rows:
            if token is not None and lease_until is not None:
                ledger.leased(job, token, lease_until * MICROSECOND)
            if state_was == "running" and state != "running":
                ledger.given_up(job, token_was, state)
        return ledger

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within, another program's open transaction."""
        connection = sqlite3.connect(self.path, timeout=BUSY_FOR, isolation_level=None)
        with closing(connection):
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    calm = silent

    def wrongs(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            [[found]] = connection.execute("PRAGMA integrity_check(1)").fetchall()
        return [] if found == "ok" else [str(found)]
