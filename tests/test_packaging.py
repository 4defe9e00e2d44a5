"""What is shipped: the pins agree with the project, and the wheel holds every part of it, and works."""

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stoker.jobs.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PORTIONS = [
    ROOT / portion for portion in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
]


# The pins


def pins() -> dict[str, str]:
    """Each package of requirements/dev.txt with its version."""
    text = (ROOT / "requirements" / "dev.txt").read_text()
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.\[\]-]+)==([^\s;]+)", text, re.MULTILINE)
    }


def asked() -> list[Requirement]:
    """What pyproject.toml asks for anywhere, but for the project itself."""
    extras, groups = PROJECT["project"]["optional-dependencies"], PROJECT["dependency-groups"]
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    lines += [line for group in (*extras.values(), *groups.values()) for line in group]
    requirements = [Requirement(line) for line in lines if isinstance(line, str)]
    return [one for one in requirements if one.name != "stoker"]


@pytest.mark.parametrize("requirement", asked(), ids=str)
def test_what_the_project_asks_for_is_pinned_within_its_range(requirement: Requirement) -> None:
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, "run `sh requirements/compile.sh`"
    assert requirement.specifier.contains(version), version


def test_nothing_is_pinned_that_nothing_asks_for() -> None:
    reached: set[str] = set()
    ahead = [one.name for one in asked()]
    while ahead:
        name = canonicalize_name(ahead.pop())
        if name not in reached:
            reached.add(name)
            ahead += asked_by(name)
    assert pins().keys() - reached == set(), "run `sh requirements/compile.sh`"


def asked_by(name: str) -> Iterable[str]:
    """The packages that an installed one may ask for, on any platform and with any extra."""
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Requirement(line).name for line in lines]


def test_every_pin_carries_hashes_and_no_address() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(pins())
    assert [line for line in lines if not re.search(r"--hash=sha256:[0-9a-f]{64}", line)] == []
    assert "://" not in text


def test_the_changelog_begins_with_this_version() -> None:
    first, *_ = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == __version__


# The wheel


def build(kind: str, folder: Path, source: Path = ROOT) -> Path:
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def files(wheel: Path) -> set[str]:
    """The names of the package's own files in a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if not name.split("/")[0].endswith(".dist-info")}


def metadata(wheel: Path) -> Any:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(archive.read(name))


def test_the_wheel_holds_every_file_of_the_portions_and_nothing_else(wheel: Path) -> None:
    there = {
        path.relative_to(portion.parent).as_posix()
        for portion in PORTIONS
        for path in portion.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files(wheel) == there


def test_the_wheel_holds_what_is_no_code(wheel: Path) -> None:
    names = files(wheel)
    for portion in PORTIONS:
        (part,) = [path.name for path in portion.iterdir() if path.is_dir()]
        assert f"stoker/{part}/py.typed" in names
    assert any(re.fullmatch(r"stoker/brokers/sqlite/migrations/\d+\.sql", name) for name in names)
    assert any(re.fullmatch(r"stoker/handlers/.*templates/.+", name) for name in names)


def test_a_producer_is_asked_for_little(wheel: Path) -> None:
    lines = metadata(wheel).get_all("Requires-Dist")
    needed = [Requirement(line) for line in lines]
    names = {one.name for one in needed if one.marker is None}
    assert names == {Requirement(line).name for line in PROJECT["project"]["dependencies"]}


ALONE = """
import sys
sys.path[:0] = sys.argv[1:3]

import anyio
import stoker.jobs.job
from stoker.brokers.connecting import connect

async def main():
    async with connect(sys.argv[3], create=True) as broker:
        print(stoker.jobs.job.__file__, await broker.queues())

anyio.run(main)
"""


def test_an_unpacked_wheel_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    paths = [str(tmp_path / "site"), sysconfig.get_path("purelib"), f"sqlite:///{tmp_path}/jobs.db"]
    # Without `site` (-S), which would find the checkout that these tests run in.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, *paths], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/site/stoker/jobs/job.py []\n"


PRODUCER = """
import sys

before = set(sys.modules)
from stoker.client import Client, JobFilter, SyncClient, Unique

with SyncClient("memory://") as stoker:
    job = stoker.enqueue("mail.send", {"to": "ada@example.org"}, unique=True, delay="1h")
    assert stoker.status(job.id).state == "pending"
    stoker.cancel(job.id)
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_a_producer_loads_nothing_that_it_was_not_asked_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", PRODUCER], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(done.stdout.split()) - sys.stdlib_module_names
    assert {"stoker", "msgspec"} <= loaded
    allowed = {"stoker"}.union(
        *(needed_for(Requirement(line).name) for line in PROJECT["project"]["dependencies"])
    )
    packages = importlib.metadata.packages_distributions()
    assert {
        (name, package)
        for name in loaded
        for package in packages.get(name, [])
        if canonicalize_name(package) not in allowed
    } == set()


def needed_for(name: str) -> set[str]:
    """The package and those that it needs on this platform, without extras."""
    needed: set[str] = {canonicalize_name(name)}
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed |= needed_for(requirement.name)
    return needed


@pytest.mark.parametrize(
    "part", ["structlog", "yaml", "cyclopts", "rich", "sqlalchemy", "stoker.daemon"]
)
def test_a_producer_does_without(part: str) -> None:
    blocked = f"import sys; sys.modules[{part!r}] = None\n{PRODUCER}"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert files(build("wheel", tmp_path / "again", source)) == files(wheel)
