import re
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from stoker.daemon.measuring import figures as measuring
from stoker.daemon.measuring.figures import QUICK, Figures, Sizes
from stoker.daemon.measuring.measures import Delay, Drain, Enqueueing
from stoker.daemon.measuring.stores import Stores

Make = Callable[..., Any]
DRAIN = Drain(jobs=10, per_second=12_345.6, cpu={}, after=None)
FIGURES = Figures(Enqueueing(1.0, 2.0), Delay(1.0, 2.0, 3.0), DRAIN, DRAIN, DRAIN, None)


class Measured:
    """Stands in for measuring: what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.sizes: Sizes | None = None

    async def __call__(self, stores: Stores, sizes: Sizes, *, tell: Callable[[str], None]) -> Figures:
        async with stores.empty() as store:
            self.url, self.sizes = store.url, sizes
        return FIGURES

    @property
    def folder(self) -> Path:
        """In which it found a folder for its databases."""
        return Path(self.url.removeprefix("sqlite:///")).parents[2]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    measured = Measured()
    monkeypatch.setattr(measuring, "figures", measured)
    return measured


def test_figures_come_as_a_table_under_what_they_depend_on(stoker: Make, measured: Measured) -> None:
    answer = stoker("bench")
    assert answer.status == 0
    above, _, table = answer.out.partition("\n\n")
    assert "processor" in above
    assert re.search(r"^drain, no-op +12,346 +jobs/s", table, re.MULTILINE)


def test_figures_come_as_json(stoker: Make, measured: Measured) -> None:
    found = stoker("bench", "--json").json
    assert found["machine"]["cores"] >= 1
    assert {"name": "drain, no-op", "value": 12_345.6, "unit": "jobs/s"} in found["figures"]


def test_it_is_short_unless_it_shall_be_thorough(stoker: Make, measured: Measured) -> None:
    stoker("bench")
    assert measured.sizes == QUICK
    stoker("bench", "--thorough")
    assert measured.sizes == Sizes()


def test_the_disk_of_a_database_that_exists_is_measured(
    stoker: Make, folder: Path, measured: Measured
) -> None:
    (folder / "a b").mkdir()
    (folder / "a b" / "jobs.db").touch()
    stoker("bench", "--broker", "sqlite:///a%20b/jobs.db")
    assert measured.folder == folder / "a b"


def test_without_a_database_it_is_the_disk_of_temporary_files(
    stoker: Make, folder: Path, measured: Measured
) -> None:
    stoker("bench", "--broker", "sqlite:///none.db")
    assert measured.folder == Path(gettempdir())
    assert list(folder.iterdir()) == []


def test_a_server_is_measured_itself(stoker: Make, measured: Measured, postgres_url: str) -> None:
    answer = stoker("bench", "--broker", postgres_url)
    assert answer.status == 0
    assert measured.url == postgres_url
    assert re.search(r"^broker +postgresql://", answer.out, re.MULTILINE)


def test_a_server_with_jobs_is_refused(stoker: Make, measured: Measured, postgres_url: str) -> None:
    assert stoker("enqueue", "mail.send", "--queue", "mail", "--broker", postgres_url).status == 0
    answer = stoker("bench", "--broker", postgres_url)
    assert answer.status == 1
    assert "has jobs (1 in queue 'mail'): what is measured needs a store of its own" in answer.err
    assert measured.url == ""
