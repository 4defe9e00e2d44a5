"""The rules of the tree that no linter knows: what may import what, how long things may be.

A line in a test that has to let real time pass says why, in a comment that starts with `# sleeps:`.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.name for path in ROOT.iterdir() if (path / "stoker").is_dir())
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOOL: dict[str, Any] = PROJECT["tool"]

LONGEST_FILE = 300
LONGEST_FUNCTION = 60
FOR_EVER = 3600
"""Seconds from which a sleep stands for a job that would never end, and is cut short."""

# Where a library may be imported: in one folder, which wraps it for the rest.
HOMES = {
    "sqlite3": {"brokers/stoker/brokers/sqlite"},
    "psycopg": {"brokers/stoker/brokers/postgres"},
    "psycopg_pool": {"brokers/stoker/brokers/postgres"},
    "redis": {"brokers/stoker/brokers/redis"},
    "yaml": {"daemon/stoker/daemon/configuration"},
    "structlog": {"daemon/stoker/daemon/logs"},
    "cyclopts": {"daemon/stoker/daemon/command_line"},
    "croniter": {"jobs/stoker/jobs/calendar"},
    "aiosmtplib": {"handlers/stoker/handlers/mail"},
    "xlsxwriter": {"handlers/stoker/handlers/reports"},
    "jsonschema_rs": {"client/stoker/client"},
    "litestar": {"web/stoker/web"},
    "uvicorn": {"web/stoker/web"},
    "prometheus_client": {"daemon/stoker/daemon/metrics"},
}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), shown(path))


@cache
def imported(path: Path) -> set[str]:
    """Every module that a file imports, by its full name, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


# The layout


def test_each_root_holds_one_typed_part_of_the_namespace() -> None:
    assert {"jobs", "brokers", "handlers", "client", "daemon"} <= set(FOLDERS)
    for folder in FOLDERS:
        parts = [path.name for path in (ROOT / folder / "stoker").iterdir() if path.is_dir()]
        assert parts == [folder]
        assert (ROOT / folder / "stoker" / folder / "py.typed").exists(), folder


def test_no_root_claims_the_namespace_for_itself() -> None:
    # One `stoker/__init__.py` would hide the parts in all other roots.
    assert [shown(path) for path in ROOT.glob("*/stoker/*.py")] == []


def test_every_list_of_the_roots_names_exactly_those_there_are() -> None:
    paths, portions = set(FOLDERS), {f"{folder}/stoker" for folder in FOLDERS}
    names = {f"stoker.{folder}" for folder in FOLDERS}
    mypy_path = TOOL["mypy"]["mypy_path"].replace("$MYPY_CONFIG_FILE_DIR/", "").split(":")
    build = TOOL["hatch"]["build"]
    lists = {
        "wheel packages": (build["targets"]["wheel"]["packages"], portions),
        "wheel dev-mode-dirs": (build["targets"]["wheel"]["dev-mode-dirs"], paths),
        "sdist only-include": (
            [name for name in build["targets"]["sdist"]["only-include"] if name in paths],
            paths,
        ),
        "mypy_path": (mypy_path, paths),
        "mypy packages": (TOOL["mypy"]["packages"], names),
        "pyright extraPaths": (TOOL["pyright"]["extraPaths"], paths),
        "ruff src": (TOOL["ruff"]["src"], paths),
        "ruff namespace-packages": (TOOL["ruff"]["namespace-packages"], portions),
        "import-linter root_packages": (TOOL["importlinter"]["root_packages"], names),
        "import-linter layers": (
            re.findall(r"stoker\.\w+", " ".join(contract("Layers")["layers"])),
            names,
        ),
    }
    for name, (listed, there) in lists.items():
        assert sorted(listed) == sorted(there), name


def contract(name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = TOOL["importlinter"]["contracts"]
    (one,) = [each for each in found if each["name"] == name]
    return one


# What may import what


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_vocabulary_stands_on_msgspec_croniter_and_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "croniter"}
    for path in (ROOT / "jobs").rglob("*.py"):
        for name in imported(path):
            assert name.split(".")[0] in allowed or name.startswith("stoker.jobs"), shown(path)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_one_folder(library: str) -> None:
    elsewhere = [
        shown(path)
        for path in SOURCES
        if library in {name.split(".")[0] for name in imported(path)}
        and not any(shown(path).startswith(f"{home}/") for home in HOMES[library])
    ]
    assert elsewhere == []


# How long things are


def test_no_file_is_long() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function with the lines of its signature and body; its docstring costs nothing."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = isinstance(first, ast.Expr) and ast.get_docstring(node) is not None
            described = (first.end_lineno or 0) - first.lineno + 1 if docstring else 0
            yield f"{shown(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1 - described


def test_no_function_is_long() -> None:
    lengths = dict(pair for path in SOURCES for pair in functions(path))
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


# How tests are named, and how they wait


@pytest.mark.slow
def test_every_test_has_one_name_in_all_processes(request: pytest.FixtureRequest) -> None:
    # Where names come from sets or addresses, tests cannot be spread over processes.
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    collected = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    names = {line for line in collected if "::" in line}
    # Those of this process, be it all or a part; its hashes have another seed.
    here = {item.nodeid for item in request.session.items}
    assert here - names == set()
    assert len(names) > 1000


def sleeps(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that let real time pass and do not say why."""
    lines = path.read_text().splitlines()
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call) or not is_sleep(node.func):
            continue
        length = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if isinstance(length, int | float) and (length == 0 or length >= FOR_EVER):
            continue
        line = lines[node.lineno - 1]
        if not re.search(r"# sleeps: \w+", line):
            yield node.lineno, line.strip()


def is_sleep(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr == "sleep"
        and isinstance(called.value, ast.Name)
        and called.value.id in ("asyncio", "anyio", "time")
    ) or (isinstance(called, ast.Name) and called.id == "sleep")


def test_no_test_sleeps_to_wait() -> None:
    assert {f"{shown(path)}:{line}": text for path in TESTS for line, text in sleeps(path)} == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("time.sleep(0.1)", True),
        ("await anyio.sleep(seconds)", True),
        ("await asyncio.sleep(1)  # sleeps: ", True),
        ("await asyncio.sleep(1)  # sleeps: the kernel has no event for this", False),
        ("await asyncio.sleep(0)", False),
        ("await anyio.sleep(3600)", False),
        ("await anyio.sleep_forever()", False),
        ("clock.sleep(1)", False),
    ],
)
def test_a_sleep_is_told_from_what_is_none(
    line: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "test_it.py"
    file.write_text(f"async def test():\n    {line}\n")
    assert bool(list(sleeps(file))) is found


# What may not be in any file


def kept() -> list[Path]:
    """Every file that is, or could be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("this is no checkout, so there is nothing that could be committed")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


# With a class of one letter in each, so that the patterns do not find themselves.
ADDRESSES = re.compile(
    rb"p[y]pi\.org|p[y]thonhosted|n[p]mjs\.|d[e]bian\.org|/[s]imple/|"
    rb"https?://[^\s\"'<>)]+\.(w[h]l|t[a]r\.gz|t[g]z|z[i]p)\b|e[x]tra-index-url|--i[n]dex-url"
)


def test_no_file_names_a_package_registry_or_a_download() -> None:
    found = {shown(path): ADDRESSES.search(path.read_bytes()) for path in kept()}
    assert {name: match.group() for name, match in found.items() if match} == {}


def test_no_file_names_the_place_where_it_was_written() -> None:
    here = str(ROOT).encode()
    assert [shown(path) for path in kept() if here in path.read_bytes()] == []
