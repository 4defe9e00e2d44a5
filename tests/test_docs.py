"""Runs the examples of README.md and docs/*.md: what a page says is done, in that order.

Each page has a folder of its own, and is read from top to bottom. The first line of a block says, after
the language, what is done with it:

    ```python                       run, with the names of the page's blocks before it; may `await`
    ```python title="jobs.py"       written to this file
    ```python no-run                compiled, no more
    ```yaml title="config.yaml"     written to this file
    ```yaml config                  loaded as a configuration, which must hold; may have a title as well
    ```sh run                       each line is a command, which must end with status 0
    ```sh background                a command that is started, ends with the page, and with status 0
    ```text output                  what the block before it printed; `…` stands for any text

Other blocks are left alone.
"""

import ast
import asyncio
import inspect
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoker.brokers.connecting import connect
from stoker.daemon.configuration import load
from stoker.jobs.errors import BrokerError
from stoker.jobs.operating import Worker

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LIMIT = 30
"""Seconds that a command may take."""

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!\w+:)([^)#]+)")


@dataclass(frozen=True)
class Block:
    place: str
    line: int
    """Of its first line of code, in the page."""
    language: str
    marks: frozenset[str]
    title: str | None
    code: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    found: list[Block] = []
    for fence in _FENCE.finditer(text):
        language, info, code = fence.groups()
        line = text.count("\n", 0, fence.start()) + 2
        words = dict.fromkeys(shlex.split(info))
        titles = [word.removeprefix("title=") for word in words if word.startswith("title=")]
        found.append(
            Block(
                place=f"{page.relative_to(ROOT)}:{line}",
                line=line,
                language=language,
                marks=frozenset(word for word in words if not word.startswith("title=")),
                title=titles[0] if titles else None,
                code=code,
            )
        )
    return found


class Reading:
    """One page on its way through its blocks, in the working directory."""

    def __init__(self, page: Path, stack: ExitStack, capture: pytest.CaptureFixture[str]) -> None:
        self._page = page
        self._stack = stack
        self._capture = capture
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""

    def follow(self, block: Block) -> None:
        """Do what the block says."""
        if block.title:
            Path(block.title).write_text(block.code)
        match block.language:
            case "text" if "output" in block.marks:
                expected = re.escape(block.code.strip()).replace("…", ".*")
                assert re.fullmatch(expected, self._printed.strip(), re.DOTALL), self._printed
            case "python":
                self._python(block)
            case "yaml" if "config" in block.marks:
                self._configuration(block)
            case "sh" if "run" in block.marks:
                self._printed = "".join(run(line) for line in commands(block))
            case "sh" if "background" in block.marks:
                for line in commands(block):
                    self._stack.enter_context(background(line))

    def _python(self, block: Block) -> None:
        # Empty lines before it, so that tracebacks give the page's line.
        source = "\n" * (block.line - 1) + block.code
        code = compile(source, self._page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if block.title or "no-run" in block.marks:
            return
        self._capture.readouterr()
        awaited = eval(code, self._names)
        if inspect.iscoroutine(awaited):
            asyncio.run(awaited)
        self._printed = self._capture.readouterr().out

    def _configuration(self, block: Block) -> None:
        file = Path(block.title or "example.yaml")
        file.write_text(block.code)
        load(file, environment={})


def commands(block: Block) -> list[str]:
    return [line for line in block.code.replace("\\\n", " ").splitlines() if line.strip()]


def run(command: str) -> str:
    """What it prints. Errors go to the test's own, to be shown if it fails."""
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    assert done.returncode == 0, command
    return done.stdout


@contextmanager
def background(command: str) -> Iterator[None]:
    """While the command runs, and is ready."""
    process = subprocess.Popen(shlex.split(command))
    try:
        wait_until_at_work(process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(LIMIT)
    assert status == 0, command


def wait_until_at_work(process: subprocess.Popen[bytes]) -> None:
    """Until a worker has said so in the store that is configured here."""
    url = load().settings.broker
    end = time.monotonic() + LIMIT
    while not asyncio.run(workers(url)):
        assert process.poll() is None, "it ended at once"
        assert time.monotonic() < end, "it is still not at work"
        time.sleep(0.02)  # sleeps: the start of another process rings no bell here


async def workers(url: str) -> list[Worker]:
    try:
        async with connect(url) as broker:
            return await broker.workers()
    except BrokerError:
        return []  # not made yet


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one, in which programs and modules are found as they are for a reader."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("STOKER__WEB__PORT", "0")
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_is_so(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        reading = Reading(page, stack, capsys)
        for block in blocks(page):
            try:
                reading.follow(block)
            except Exception as error:
                error.add_note(f"in the block at {block.place}")
                raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_marks_are_ones_that_mean_something() -> None:
    known = {"python": {"no-run"}, "yaml": {"config"}, "sh": {"run", "background"}, "text": {"output"}}
    for block in [block for page in PAGES for block in blocks(page)]:
        assert block.marks <= known.get(block.language, set()), block.place


def test_ci_ends_with_the_readmes_own_test_command() -> None:
    *_, last = (ROOT / ".ci" / "run").read_text().strip().splitlines()
    assert "pytest" in last
    assert last in [line for block in blocks(ROOT / "README.md") for line in block.code.splitlines()]
