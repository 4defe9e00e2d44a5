"""PgBouncer before a Postgres, handing statements to backends one transaction at a time."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from .finding import free_port, running

GIVEN = "STOKER_TEST_PGBOUNCER"
"""The environment's path of the program, where it is not on the PATH."""
_SETTINGS = """\
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
"""


def program() -> str | None:
    """Where PgBouncer is; None if it is not installed."""
    return os.environ.get(GIVEN) or shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


@contextmanager
def pooling(address: str, program: str) -> Iterator[str]:
    """The address of the same database behind a pooler."""
    parts, own = urlsplit(address), free_port()
    settings = _SETTINGS.format(
        host=parts.hostname, port=parts.port, user=parts.username or "postgres", own=own
    )
    if os.geteuid() == 0:
        settings += "user = nobody\n"  # it refuses to be root
    with tempfile.TemporaryDirectory(prefix="stoker-pgbouncer-") as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(settings)
        Path(folder).chmod(0o755)
        with running([program, str(file)], lambda: _listens(own), Path(folder) / "log"):
            yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{own}").geturl()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
