from pathlib import Path

import msgspec
import pytest

from stoker.brokers.files import load
from stoker.jobs.errors import BrokerRefused


class Verbs(msgspec.Struct, frozen=True):
    claim: str
    settle: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("claim", "settle"):
        (tmp_path / f"{name}.sql").write_text(f"-- {name} größer\n", encoding="utf-8")
    return tmp_path


def test_each_field_holds_the_text_of_its_file(folder: Path) -> None:
    assert load(Verbs, folder, ".sql") == Verbs("-- claim größer\n", "-- settle größer\n")


def test_texts_may_be_prepared_by_name(folder: Path) -> None:
    prepared = load(Verbs, folder, ".sql", lambda name, text: f"{name}: {len(text)}")
    assert prepared == Verbs("claim: 16", "settle: 17")


def test_files_of_another_kind_are_left_alone(folder: Path) -> None:
    (folder / "README.md").touch()
    load(Verbs, folder, ".sql")


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / "settle.sql").unlink()
    with pytest.raises(BrokerRefused, match=r"lacks settle\.sql"):
        load(Verbs, folder, ".sql")


def test_a_file_that_is_left_over_is_named(folder: Path) -> None:
    (folder / "renew.sql").touch()
    with pytest.raises(BrokerRefused, match=r"holds renew\.sql, used nowhere"):
        load(Verbs, folder, ".sql")
