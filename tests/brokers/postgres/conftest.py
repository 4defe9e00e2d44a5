from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import Opening
from stoker.jobs.clock import Offset


class Databases(Protocol):
    """What the fixture `postgres_databases` is."""

    def new(self) -> AbstractContextManager[str]: ...


@pytest.fixture
def opening(postgres_url: str) -> Opening:
    """Gives brokers on one database, empty at first."""

    def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
        return connect(postgres_url, offset=offset, max_log_entries=max_log_entries)

    return open
