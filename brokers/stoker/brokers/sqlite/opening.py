"""Connections to the database: how each kind is set up, and which of a caller's may be used.

Several connections and processes share one file. Nothing here, and nothing anywhere in this process,
opens the database's files by other means: closing any descriptor of them would drop the locks that
SQLite holds for the whole process.
"""

import os
import sqlite3
import stat
from urllib.parse import quote

from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.failures import foreign_errors_mapped
from stoker.brokers.sqlite.filesystem import refuse_remote
from stoker.jobs.errors import BrokerRefused

OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING."""
MODE = 0o600
"""Jobs carry what handlers are told: nobody else's business."""
OPENING_PATIENCE = 5.0
"""Seconds that a new connection waits for a lock, such as another process' migration."""
JOURNAL_BYTES = 64 * 1024 * 1024
CACHE_KIB = 8 * 1024
STATEMENTS_KEPT = 200


def prepare_file(address: Address, *, create: bool) -> None:
    """Make sure that the file is there and may be used, before SQLite touches it."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise BrokerRefused(f"this Python links SQLite {sqlite3.sqlite_version}; {wanted} is needed")
    path = address.path
    refuse_remote(path)
    if path.is_dir():
        raise BrokerRefused(f"the database {path} is a directory: name a file in it")
    if path.exists():
        return
    if not create:
        raise BrokerRefused(
            f"there is no database {path}: `stoker run`, `stoker demo` and `stoker migrate` create one"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The journal and its index, which SQLite makes, take their mode from this file.
        # Made without being opened: see above.
        os.mknod(path, stat.S_IFREG | MODE)
    except OSError as error:
        if path.exists():
            return  # another process was quicker
        raise BrokerRefused(
            f"the database {path} cannot be created ({error.strerror}: {error.filename})"
        ) from None


def open_writing(address: Address) -> sqlite3.Connection:
    """For the writer's thread: every commit is on the disk before it is answered."""
    with foreign_errors_mapped(address.path):
        connection = _open(address, "rw")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise BrokerRefused(f"the database {address.path} cannot use a write-ahead log ({mode})")
        _set(
            connection,
            synchronous=address.synchronous,
            wal_autocheckpoint=0,
            journal_size_limit=JOURNAL_BYTES,
            secure_delete=0,
            temp_store="memory",
        )
        return connection


def open_reading(address: Address) -> sqlite3.Connection:
    """For a thread of the reading pool."""
    with foreign_errors_mapped(address.path):
        connection = _open(address, "ro")
        _set(connection, wal_autocheckpoint=0, query_only=1, temp_store="memory")
        return connection


def _open(address: Address, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(address.path))}?mode={mode}",
        uri=True,
        timeout=OPENING_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_KEPT,
    )
    _set(connection, mmap_size=0, cache_size=-CACHE_KIB, trusted_schema=0)
    return connection


def _set(connection: sqlite3.Connection, **pragmas: str | int) -> None:
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name} = {value}")
