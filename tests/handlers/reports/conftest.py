from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stoker.handlers.database import connect_database
from stoker.handlers.reports.transactions import (
    Transaction,
    create_transactions,
    sample_transactions,
    seed_transactions,
)


@pytest.fixture(scope="session")
def sample() -> list[Transaction]:
    """4,000 transactions over the first quarter of 2026."""
    return list(sample_transactions(4_000, first_day=date(2026, 1, 1), days=90))


@pytest.fixture
def engine(tmp_path: Path, sample: list[Transaction]) -> Iterator[Engine]:
    engine = connect_database(f"sqlite:///{tmp_path}/app.db")
    create_transactions(engine)
    seed_transactions(engine, iter(sample))
    yield engine
    engine.dispose()
