import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from stoker.brokers.instant import HostClock
from stoker.brokers.sqlite.address import Address
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.jobs.clock import Offset

Connect = Callable[..., AbstractContextManager[sqlite3.Connection]]
Open = Callable[..., SqliteBroker]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def offset() -> Offset:
    return Offset()


@pytest.fixture
def open_broker(path: Path, offset: Offset) -> Open:
    """Brokers on the test's file, not yet entered."""

    def open(*, boot_id: str | None = None, max_log_entries: int = 1000) -> SqliteBroker:
        return SqliteBroker(
            Address(path),
            create=True,
            max_log_entries=max_log_entries,
            clock=HostClock(offset, boot_id),
        )

    return open


@pytest.fixture
async def broker(open_broker: Open) -> AsyncIterator[SqliteBroker]:
    async with open_broker() as broker:
        yield broker


@pytest.fixture
async def second(open_broker: Open, broker: SqliteBroker) -> AsyncIterator[SqliteBroker]:
    async with open_broker() as second:
        yield second


@pytest.fixture
def connect(path: Path) -> Connect:
    """Connections of a program that shares the file, closed at the end of the block."""

    @contextmanager
    def connect(**options: object) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path, **options)) as connection:  # type: ignore[call-overload]
            yield connection

    return connect
