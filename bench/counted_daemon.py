"""`python -m stoker.daemon`, with seams: at its end it writes where its processor time went.

Run with the path of the file to write, the kind of its store, then the command line's arguments.
"""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from seams import Seams

from stoker.daemon.command_line.app import run
from stoker.daemon.logs.event_log import EventLog
from stoker.daemon.runs import performing
from stoker.daemon.runs.performing import Performer
from stoker.daemon.runs.runs import Runs

CLAIM, SETTLE = "claim: rows to claims", "settle: settlements to rows"


def lay(seams: Seams, engine: str) -> None:
    """Put the seams where one part of a job's way ends and another begins."""
    seams.wrap(Runs, "begin", "begin: records and tasks")
    seams.wrap(Performer, "perform", "perform: context, timeout, ending")
    seams.wrap(performing, "execute", "handler: arguments, call, result")
    seams.wrap(Runs, "_end", "end: slots")
    seams.wrap(Runs, "_send", "settlement, from the ending")
    seams.wrap(Runs, "settled", "settled: record dropped")
    seams.wrap(EventLog, "__call__", "logs: events to lines")
    _BROKERS[engine](seams)


def _lay_in_sqlite(seams: Seams) -> None:
    from stoker.brokers.sqlite import claiming, settling
    from stoker.brokers.sqlite.writer import Writer

    seams.wrap(claiming, "claim", CLAIM)
    seams.wrap(settling, "settle", SETTLE)
    seams.wrap(Writer, "_serve", "groups, hints and answers")
    _lay_around_sqlite(seams, "SQLite")


def _lay_around_sqlite(seams: Seams, part: str) -> None:
    """Where Python ends and SQLite begins, with what the standard library does between them."""

    class Cursor(sqlite3.Cursor):
        execute = seams.seam(sqlite3.Cursor.execute, part)
        executemany = seams.seam(sqlite3.Cursor.executemany, part)
        fetchall = seams.seam(sqlite3.Cursor.fetchall, part)

    class Connection(sqlite3.Connection):
        execute = seams.seam(sqlite3.Connection.execute, part)

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    connect = sqlite3.connect

    def counted(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, factory=Connection, **kwargs)

    sqlite3.connect = counted  # type: ignore[assignment]


def _lay_in_postgres(seams: Seams) -> None:
    from stoker.brokers.postgres.connections import Own

    seams.wrap(import_module("stoker.brokers.postgres.claiming"), "claim", CLAIM)
    seams.wrap(import_module("stoker.brokers.postgres.settling"), "settle", SETTLE)
    seams.wrap(Own, "rows", "driver: parameters out, rows in")


def _lay_in_redis(seams: Seams) -> None:
    from stoker.brokers.redis.server import Server

    seams.wrap(import_module("stoker.brokers.redis.claiming"), "claim", CLAIM)
    seams.wrap(import_module("stoker.brokers.redis.settling"), "settle", SETTLE)
    seams.wrap(Server, "run", "driver: arguments out, rows in")


_BROKERS: Mapping[str, Callable[[Seams], None]] = {
    "sqlite": _lay_in_sqlite,
    "postgres": _lay_in_postgres,
    "redis": _lay_in_redis,
    "valkey": _lay_in_redis,
}


def main(out: Path, engine: str, arguments: list[str]) -> int:
    seams = Seams()
    lay(seams, engine)
    status = run(arguments)
    out.write_bytes(msgspec.json.encode(seams.spent()))
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
