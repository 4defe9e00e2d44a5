"""A daemon that cannot start says why, in one sentence, and ends with status 1."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from .daemon import Daemon
from .stage import Stage

pytestmark = pytest.mark.slow


async def refusal(daemon: Daemon) -> str:
    assert await daemon.ended() == 1
    [line] = daemon.lines
    text: str = line["event"]
    assert text.startswith("stoker: ")
    return text.removeprefix("stoker: ")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"leese": "15s"}, "leese"),
        ({"lease": "soon"}, "lease"),
        ({"lease": "100ms"}, "lease"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"mode": "both"}, "mode"),
        ({"broker": "mongodb://localhost"}, "mongodb"),
        ({"processes": 2, "broker": "memory://"}, "processes"),
    ],
)
async def test_a_configuration_that_does_not_hold_is_refused_with_file_and_key(
    stage: Stage, settings: dict[str, Any], wrong: str
) -> None:
    said = await refusal(await stage.launch(**settings))
    assert "config0.yaml" in said
    assert wrong in said


async def test_a_file_that_is_no_configuration_is_refused(stage: Stage) -> None:
    config = stage.configure()
    config.write_text("lease: [")
    assert "config0.yaml:1" in await refusal(await stage.launch_with(config))
    config.unlink()
    assert "config0.yaml" in await refusal(await stage.launch_with(config))


MODULES = {
    "missing": (None, "no module"),
    "broken": ("def (:", "invalid syntax"),
    "failing": ("raise RuntimeError('not today')", "not today"),
    "needing": ("import nowhere_to_be_found", "nowhere_to_be_found"),
    "empty": ("", "no handler"),
    "double": (
        "from stoker.handlers import handler\n"
        "@handler('same')\nasync def one(): pass\n"
        "@handler('same')\nasync def two(): pass\n",
        "same",
    ),
}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", MODULES)
async def test_a_module_without_usable_handlers_is_refused(
    stage: Stage, name: str, processes: int
) -> None:
    source, why = MODULES[name]
    if source is not None:
        (stage.folder / f"{name}.py").write_text(source)
    said = await refusal(await stage.launch(app_dir=".", handlers=[name], processes=processes))
    assert name in said
    assert why in said.lower()


async def test_a_database_of_a_newer_schema_is_refused(stage: Stage) -> None:
    with sqlite3.connect(stage.folder / "newer.db") as connection:
        connection.execute(
            "CREATE TABLE stoker_schema "
            "(one INTEGER PRIMARY KEY, version INTEGER, oldest INTEGER, boot_id TEXT)"
        )
        connection.execute("INSERT INTO stoker_schema VALUES (1, 999, 999, '')")
    connection.close()
    said = await refusal(await stage.launch(broker="sqlite:///newer.db"))
    assert "newer" in said


def no_database(path: Path) -> None:
    path.write_text("This is a letter, and no database at all. " * 100)


@pytest.mark.parametrize("make", [Path.mkdir, no_database], ids=["a folder", "a text"])
async def test_what_is_no_database_is_refused(stage: Stage, make: Any) -> None:
    make(stage.folder / "else.db")
    assert "else.db" in await refusal(await stage.launch(broker="sqlite:///else.db"))
