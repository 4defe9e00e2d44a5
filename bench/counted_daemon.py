"""`python -m stoker.daemon`, with seams: at its end it writes where its processor time went.

Run with the path of the file to write, then with the command line's arguments.
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
from seams import Seams

from stoker.brokers.sqlite import claiming, settling
from stoker.brokers.sqlite.writer import Writer
from stoker.daemon.command_line.app import run
from stoker.daemon.logs.event_log import EventLog
from stoker.daemon.runs import performing
from stoker.daemon.runs.performing import Performer
from stoker.daemon.runs.runs import Runs

SQLITE = "SQLite"


def lay(seams: Seams) -> None:
    """Put the seams where one part of a job's way ends and another begins."""
    seams.wrap(claiming, "claim", "claim: rows to claims")
    seams.wrap(settling, "settle", "settle: settlements to rows")
    seams.wrap(Writer, "_serve", "groups, hints and answers")
    seams.wrap(Runs, "begin", "begin: records and tasks")
    seams.wrap(Performer, "perform", "perform: context, timeout, ending")
    seams.wrap(performing, "execute", "handler: arguments, call, result")
    seams.wrap(Runs, "_end", "end: slots")
    seams.wrap(Runs, "_send", "settlement, from the ending")
    seams.wrap(Runs, "settled", "settled: record dropped")
    seams.wrap(EventLog, "__call__", "logs: events to lines")
    _lay_around_sqlite(seams)


def _lay_around_sqlite(seams: Seams) -> None:
    """Where Python ends and SQLite begins, with what the standard library does between them."""

    class Cursor(sqlite3.Cursor):
        execute = seams.seam(sqlite3.Cursor.execute, SQLITE)
        executemany = seams.seam(sqlite3.Cursor.executemany, SQLITE)
        fetchall = seams.seam(sqlite3.Cursor.fetchall, SQLITE)

    class Connection(sqlite3.Connection):
        execute = seams.seam(sqlite3.Connection.execute, SQLITE)

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    connect = sqlite3.connect

    def counted(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, factory=Connection, **kwargs)

    sqlite3.connect = counted  # type: ignore[assignment]


def main(out: Path, arguments: list[str]) -> int:
    seams = Seams()
    lay(seams)
    status = run(arguments)
    out.write_bytes(msgspec.json.encode(seams.spent()))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
