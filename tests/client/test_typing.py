"""Runs mypy and pyright over the files in `typing/`: what they refuse is what is marked `# E`."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typing"
ROOT = Path(__file__).parents[2]
FILES = sorted(HERE.glob("*.py"))


def marked() -> set[tuple[str, int]]:
    return {
        (file.name, number)
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith("# E")
    }


def compare(refused: Iterable[tuple[str, int, str]]) -> None:
    said = {(file, line): message for file, line, message in refused}
    wrongly = {place: said[place] for place in said.keys() - marked()}
    assert not wrongly, "refused, though right"
    assert not marked() - said.keys(), "not refused, though wrong"


def test_there_is_something_to_check() -> None:
    assert len(marked()) >= 30


@pytest.mark.slow
def test_mypy_refuses_what_is_marked_and_nothing_else() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"]
    done = subprocess.run([*command, *FILES], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    errors = re.findall(r"^(.+?):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    compare((Path(file).name, int(line), message) for file, line, message in errors)


@pytest.mark.slow
def test_pyright_refuses_what_is_marked_and_nothing_else(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("pyright is not run: it needs node, and there is none on the PATH")
    pyright = pytest.importorskip("pyright", reason="pyright is not installed, so it is not run")
    # The copy in the package, by node itself: the package's own command may go to the network.
    program = Path(pyright.__file__).parent / "dist" / "index.js"
    if not program.exists():
        pytest.skip(f"pyright is not run: this version of its package does not bring {program.name}")
    # The project's own settings, for copies of these files: pyright includes only what is below it.
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    settings |= {"include": ["."], "venvPath": str(ROOT)}
    settings["extraPaths"] = [str(ROOT / path) for path in settings["extraPaths"]]
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    for file in FILES:
        shutil.copy(file, tmp_path)
    command = [node, program, "--project", tmp_path, "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(FILES)
    compare(
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    )
