"""What all commands have in common: options, errors, statuses; and the program as a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.daemon.command_line import app
from stoker.daemon.command_line.app import COMMANDS
from stoker.jobs.version import __version__

Make = Callable[..., Any]
LIMIT = 30
"""Seconds after which a process is given up."""


def words(command: str) -> list[str]:
    return command.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_common_options_and_has_help(stoker: Make, command: str) -> None:
    answer = stoker(*words(command), "--help")
    assert answer.status == 0
    for option in ("--config", "--broker", "--debug"):
        assert option in answer.out
    assert COMMANDS[command][1].split(",")[0][:20] in " ".join(answer.out.split())


def test_the_help_names_every_command(stoker: Make) -> None:
    out = stoker("--help").out
    for name in {words(command)[0] for command in COMMANDS}:
        assert f" {name} " in out
    for group in ("jobs", "queues"):
        shown = stoker(group, "--help").out
        for command in COMMANDS:
            if command.startswith(f"{group} "):
                assert f" {words(command)[1]} " in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["jbs", "list"],
         'unknown command "jbs". Did you mean "jobs"?'),
        (["jobs", "lst"],
         'unknown command "lst". Did you mean "list"? Available commands: list, show, cancel, retry; '
         "`stoker jobs --help` says what there is"),
        (["jobs", "list", "--stat", "failed"],
         "unknown option: --stat. Did you mean --state?; `stoker jobs list --help` says what there is"),
        (["jobs", "list", "--limit", "many"],
         'invalid value for --limit: unable to convert "many" into int; `stoker jobs list --help` says '
         "what there is"),
        (["jobs", "list", "--limit", "0"],
         'invalid value "0" for --limit. Must be >= 1; `stoker jobs list --help` says what there is'),
        (["jobs", "show"],
         'command "jobs show" parameter ID requires an argument; `stoker jobs show --help` says what '
         "there is"),
        (["version", "now"],
         "there is no use for 'now' here; `stoker version --help` says what there is"),
        (["jobs", "list", "--state", "waiting"],
         "states: 'waiting' is no state: there are pending, running, retrying, completed, failed, "
         "cancelled, skipped"),
        (["jobs", "list", "--since", "yesterday"],
         "since: 'yesterday' is no time: give an aware datetime, ISO text such as "
         "'2026-01-31T12:00:00Z', or how long ago, such as '24h'"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_sentence_and_status_2(
    stoker: Make, broker: Make, arguments: list[str], sentence: str
) -> None:
    answer = stoker(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(f"stoker: {sentence}")
    assert answer.err.count("\n") == 1


def test_a_broken_configuration_is_told_with_file_and_line(stoker: Make, folder: Path) -> None:
    (folder / "config.yaml").write_text("lease: 5\nleese: 5\n")
    answer = stoker("jobs", "list")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == "stoker: config.yaml:2: there is no key leese: perhaps lease\n"


def test_several_things_that_are_wrong_are_told_below_each_other(stoker: Make, folder: Path) -> None:
    (folder / "config.yaml").write_text("leese: 5\npol: 5\n")
    answer = stoker("jobs", "list")
    assert answer.err == (
        "stoker: several things are wrong:\n"
        "  config.yaml:1: there is no key leese: perhaps lease\n"
        "  config.yaml:2: there is no key pol: perhaps poll\n"
    )


def test_a_named_file_is_read_and_the_argument_goes_over_it(
    stoker: Make, broker: Make, put: Make, folder: Path
) -> None:
    put()
    (folder / "other.yaml").write_text("broker: sqlite:///nowhere.db")
    assert stoker("jobs", "list", "--config", "other.yaml").status == 1
    answer = stoker("jobs", "list", "--config", "other.yaml", "--broker", "sqlite:///var/stoker.db")
    assert (answer.status, len(answer.rows)) == (0, 1)


def test_a_memory_broker_cannot_be_asked(stoker: Make) -> None:
    answer = stoker("jobs", "list", "--broker", "memory://")
    assert answer.status == 1
    assert answer.err.startswith("stoker: a memory:// broker lives inside its own process")


class Broken:
    """Stands for a command that fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *arguments: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyError("x"), 1,
         "internal error, KeyError: 'x'; with --debug the command shows where it was"),
        (PermissionError(13, "Permission denied", "/srv/x"), 1, "/srv/x: permission denied"),
        (ModuleNotFoundError("No module named 'aiosmtpd'", name="aiosmtpd.smtp"), 1,
         "this command needs an extra that is not installed: pip install 'stoker[demo]'"),
        (ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy"), 1,
         "this command needs an extra that is not installed: pip install 'stoker[handlers]'"),
    ],
)  # fmt: skip
def test_whatever_fails_is_one_sentence_and_no_traceback(
    stoker: Make, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, sentence: str
) -> None:
    monkeypatch.setattr(app, "build", lambda: Broken(error))
    answer = stoker("version")
    assert (answer.status, answer.out, answer.err) == (status, "", f"stoker: {sentence}\n")


def test_a_missing_extra_is_named_though_the_import_failed_further_down(
    stoker: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ImportError("Cannot import module")
    error.__cause__ = ModuleNotFoundError("No module named 'yaml'", name="yaml")
    monkeypatch.setattr(app, "build", lambda: Broken(error))
    assert "pip install 'stoker[daemon]'" in stoker("version").err


def test_debug_shows_where_it_was(stoker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "build", lambda: Broken(KeyError("x")))
    with pytest.raises(KeyError):
        stoker("version", "--debug")


def test_ctrl_c_is_no_error_to_report(stoker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "build", lambda: Broken(KeyboardInterrupt()))
    answer = stoker("version")
    assert (answer.status, answer.err) == (130, "")


# As a process


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stoker.daemon", *arguments]


def started(folder: Path, *arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=LIMIT, **more
    )


def test_the_program_can_be_run_as_a_module(folder: Path) -> None:
    done = started(folder, "version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"stoker {__version__}, ")


def test_an_error_is_one_line_on_standard_error(folder: Path) -> None:
    done = started(folder, "jobs", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stoker: there is no database ")
    assert done.stderr.count("\n") == 1


def test_a_small_command_loads_nothing_heavy(folder: Path) -> None:
    heavy = ["structlog", "yaml", "rich.table", "asyncio", "sqlalchemy", "stoker.client"]
    script = (
        "import sys\n"
        "from stoker.daemon.command_line.app import run\n"
        "run(['version'])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=LIMIT
    )
    loaded = done.stdout.splitlines()[-1]
    # cyclopts itself comes with attrs, which looks at asyncio's coroutines.
    assert loaded in ("[]", "['asyncio']")


def test_without_the_extra_the_program_says_what_to_install(folder: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['cyclopts'] = None\n"
        "sys.argv = ['stoker', 'version']\n"
        "from stoker.daemon.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 1
    assert done.stderr == (
        "stoker: the command line needs an extra that is not installed: pip install 'stoker[daemon]'\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path, put: Make) -> None:
    for _ in range(3):
        put()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("jobs", "list"), cwd=folder, stdout=writing, stderr=subprocess.PIPE, text=True,
        timeout=LIMIT,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


# A daemon

HANDLERS = """
import logging, sys
from stoker.handlers import handler

log = logging.getLogger(__name__)

@handler("app.loop")
async def loop() -> str:
    log.info("from the loop")
    return "done"

@handler("app.thread")
def thread() -> str:
    log.info("from a thread")
    return "done"

@handler("app.child", isolation="process")
def child() -> str:
    log.info("from a child")
    return "done"
"""


@pytest.fixture
def daemon(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A daemon in the working directory, ready when the test begins."""
    (folder / "app_of_daemon.py").write_text(HANDLERS)
    (folder / "config.yaml").write_text("handlers: [app_of_daemon]\nisolated: 1\n")
    process = subprocess.Popen(command("run"), cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert first["event"] == "stoker started"
    yield process
    process.kill()
    process.communicate()


def test_a_daemon_runs_what_is_enqueued_and_its_lines_carry_the_job(
    daemon: "subprocess.Popen[str]", folder: Path
) -> None:
    ids = {}
    for where in ("loop", "thread", "child"):
        done = started(folder, "enqueue", f"app.{where}", "--wait", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["result"] == "done"
        ids[where] = json.loads(done.stdout)["id"]
    assert started(folder, "health").returncode == 0
    daemon.send_signal(signal.SIGTERM)
    _, said = daemon.communicate(timeout=LIMIT)
    assert daemon.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    for where, text in (("loop", "the loop"), ("thread", "a thread"), ("child", "a child")):
        [line] = [one for one in lines if one["event"] == f"from {text}"]
        assert (line["job_id"], line["job_type"], line["attempt"]) == (ids[where], f"app.{where}", 1)
        own = [one["event"] for one in lines if one.get("job_id") == ids[where]]
        assert sorted(own) == sorted(["run started", f"from {text}", "run completed"])
    assert lines[-1]["event"] == "stoker stopped"


def test_a_daemon_that_cannot_start_says_why(folder: Path) -> None:
    (folder / "config.yaml").write_text("lease: 15s\nhandlers: [nowhere]\n")
    done = started(folder, "run")
    assert done.returncode == 1
    assert done.stderr == (
        "stoker: config.yaml:2: handlers: there is no module nowhere, "
        f"neither in {folder} nor installed\n"
    )
