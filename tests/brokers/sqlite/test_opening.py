import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.brokers import connect
from stoker.brokers.conformance.making import new_job
from stoker.brokers.sqlite import filesystem, opening
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.opening import open_reading, open_writing, prepare_file
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable

DIARY = "Dear diary, " * 1000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


def files_beside(path: Path) -> list[Path]:
    """The database's own ones; not the folder of letterboxes."""
    return sorted(file for file in path.parent.iterdir() if file.is_file())


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_the_database_is_nobody_elses_business(path: Path, broker: SqliteBroker) -> None:
    await broker.enqueue([new_job()])
    files = files_beside(path)
    assert [file.name for file in files] == ["jobs.db", "jobs.db-shm", "jobs.db-wal"]
    assert [mode(file) for file in files] == [0o600] * 3


@pytest.fixture
def shared(path: Path) -> None:
    """A file that its owner has opened to a group."""
    path.touch()
    path.chmod(0o640)


@pytest.mark.usefixtures("shared")
async def test_a_database_that_is_there_keeps_its_mode(path: Path) -> None:
    async with connect(f"sqlite:///{path}"):
        assert mode(path) == 0o640


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_no_umask_opens_the_database_up(path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        prepare_file(Address(path), create=True)
    finally:
        os.umask(former)
    assert mode(path) == 0o600


async def test_no_database_is_made_unless_it_is_asked_for(path: Path) -> None:
    broker = connect(f"sqlite:///{path}")
    with pytest.raises(BrokerRefused, match="`stoker migrate` create one"):
        await broker.__aenter__()
    assert not exists(path)


async def test_folders_on_the_way_are_made_with_it(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "jobs.db"
    async with connect(f"sqlite:///{path}", create=True) as broker:
        await broker.enqueue([new_job()])
    assert exists(path)


async def test_a_relative_path_is_relative_to_what_is_said(tmp_path: Path) -> None:
    async with connect("sqlite:///jobs.db", relative_to=tmp_path, create=True):
        assert exists(tmp_path / "jobs.db")


async def test_strange_names_are_names(tmp_path: Path) -> None:
    path = tmp_path / "50% of it? #1 äöü.db"
    async with SqliteBroker(Address(path), create=True) as broker:
        await broker.enqueue([new_job()])
    assert files_beside(path) == [path]


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefused, match="is a directory"):
        await connect(f"sqlite:///{tmp_path}", create=True).__aenter__()


@pytest.fixture
def diary(path: Path) -> Iterator[None]:
    path.write_text(DIARY)
    yield
    assert path.read_text() == DIARY


@pytest.mark.usefixtures("diary")
async def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    with pytest.raises(BrokerRefused, match="is no SQLite database"):
        await connect(f"sqlite:///{path}", create=True).__aenter__()


async def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BrokerRefused, match="cannot be created"):
        await connect(f"sqlite:///{tmp_path}/file/jobs.db", create=True).__aenter__()


async def test_a_network_file_system_is_refused_before_anything_is_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise BrokerRefused(f"{path} is far away")

    monkeypatch.setattr(opening, "refuse_remote", refuse)
    assert filesystem.refuse_remote is not refuse
    with pytest.raises(BrokerRefused, match="far away"):
        await connect(f"sqlite:///{path}", create=True).__aenter__()
    assert not exists(path)


async def test_a_too_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening.sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(BrokerRefused, match=r"3\.35\.0 is needed"):
        await connect(f"sqlite:///{path}", create=True).__aenter__()


def test_the_writing_connection_waits_for_the_disk_and_never_checkpoints_by_itself(path: Path) -> None:
    prepare_file(Address(path), create=True)
    connection = open_writing(Address(path))
    names = ("journal_mode", "synchronous", "wal_autocheckpoint", "mmap_size")
    assert [pragma(connection, name) for name in names] == ["wal", 2, 0, 0]
    connection.close()


def test_synchronous_normal_is_as_asked(path: Path) -> None:
    prepare_file(Address(path), create=True)
    connection = open_writing(Address(path, synchronous="normal"))
    assert pragma(connection, "synchronous") == 1
    connection.close()


def test_reading_connections_can_do_nothing_else(path: Path) -> None:
    prepare_file(Address(path), create=True)
    writing = open_writing(Address(path))
    writing.execute("CREATE TABLE t (a)")
    reading = open_reading(Address(path))
    assert pragma(reading, "wal_autocheckpoint") == 0
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.execute("INSERT INTO t VALUES (1)")
    reading.close()
    writing.close()


async def test_a_broker_that_was_left_is_unavailable(path: Path) -> None:
    broker = connect(f"sqlite:///{path}", create=True)
    async with broker:
        await broker.enqueue([new_job()])
    for call in (broker.enqueue([new_job()]), broker.get([new_job().id]), broker.queues()):
        with pytest.raises(BrokerUnavailable, match="not open"):
            await call
    async with broker:
        assert (await broker.queues())[0].counts.total == 1


async def test_what_was_acknowledged_is_there_after_reopening(path: Path) -> None:
    job = new_job()
    async with connect(f"sqlite:///{path}", create=True) as broker:
        await broker.enqueue([job])
    async with connect(f"sqlite:///{path}") as broker:
        (kept,) = await broker.get([job.id])
    assert kept is not None
