"""Queues, workers, types, health, migrate, check, config, version: what operators ask."""

import socket
import sqlite3
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stoker.client import Client
from stoker.daemon.command_line import queues
from stoker.jobs.operating import Counts, TypeInfo, Worker
from stoker.jobs.outcome import Done
from stoker.jobs.version import __version__

Make = Callable[..., Any]


def worker(name: str = "w1", **more: Any) -> Worker:
    values = {"host": socket.gethostname(), "pid": 5, "slots": 16, "running": 3, "queues": ("*",)}
    return Worker(name=name, **values | more)


# Queues


def test_queues_are_listed_with_their_counts(stoker: Make, put: Make, end: Make) -> None:
    put(queue="mail")
    end(Done(b"1"))
    put(queue="mail")
    put(queue="mail", delay=60.0)
    put(queue="pdf")
    answer = stoker("queues", "list")
    # ready, delayed, running, retrying, completed, failed, cancelled, skipped, oldest ready
    assert [row[:9] for row in answer.rows] == [
        ["mail", "1", "1", "0", "0", "1", "0", "0", "0"],
        ["pdf", "1", "0", "0", "0", "0", "0", "0", "0"],
    ]
    [mail, _] = stoker("queues", "list", "--json").json
    assert (mail["queue"], mail["pending"], mail["ready"], mail["delayed"]) == ("mail", 2, 1, 1)
    assert (mail["completed"], mail["pruned"], mail["pause"]) == (1, 0, None)
    age = datetime.now(UTC) - datetime.fromisoformat(mail["oldest_ready"])
    assert age < timedelta(minutes=1)


def test_no_queues_are_told(stoker: Make, broker: Make) -> None:
    assert stoker("queues", "list").err == "stoker: no queue has, or had, jobs\n"


def test_rates_are_measured_between_two_looks(
    stoker: Make, put: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(queue="mail")

    async def meanwhile(seconds: float) -> None:
        async with Client("sqlite:///var/stoker.db") as client:
            for _ in range(3):
                await client.enqueue("mail.send", queue="mail")

    monkeypatch.setattr(queues.anyio, "sleep", meanwhile)
    [mail] = stoker("queues", "list", "--rates", "--json").json
    assert mail["enqueued_per_second"] == 3 / queues.WATCHED
    assert mail["ended_per_second"] == 0


def test_only_jobs_that_are_over_count_as_ended() -> None:
    before = Counts(queue="mail", ready=5, delayed=1, running=1, retrying=1, completed=2)
    after = Counts(
        queue="mail", ready=1, delayed=2, running=2, retrying=3, completed=1, failed=1, pruned=4
    )
    came, ended = queues._rates({"mail": before}, after)
    assert (came * queues.WATCHED, ended * queues.WATCHED) == (4, 4)


def test_a_queue_is_paused_and_goes_on(stoker: Make, put: Make) -> None:
    put(queue="mail")
    assert stoker("queues", "pause", "mail", "--reason", "migration").out == "mail is paused\n"
    assert stoker("queues", "list").rows[0][-1].endswith(": migration")
    [mail] = stoker("queues", "list", "--json").json
    assert (mail["pause"]["pattern"], mail["pause"]["reason"]) == ("mail", "migration")
    assert stoker("queues", "resume", "mail").out == "mail goes on\n"
    assert stoker("queues", "list", "--json").json[0]["pause"] is None


def test_a_pause_that_fits_no_queue_yet_is_listed(stoker: Make, broker: Make) -> None:
    stoker("queues", "pause", "pdf.*")
    assert stoker("queues", "list").out.startswith("pdf.* is paused, ")


def test_a_pause_can_wait_until_nothing_runs(stoker: Make, put: Make) -> None:
    put(queue="mail")
    answer = stoker("queues", "pause", "mail", "--wait")
    assert answer.out == "mail is paused, and none of its jobs runs\n"


def test_to_resume_what_is_not_paused_says_what_is(stoker: Make, broker: Make) -> None:
    assert stoker("queues", "resume", "mail").err == (
        "stoker: there is no pause of 'mail'; nothing is paused\n"
    )
    stoker("queues", "pause", "m*")
    answer = stoker("queues", "resume", "mail")
    assert answer.status == 1
    assert answer.err == "stoker: there is no pause of 'mail'; paused: m*\n"


def test_what_is_no_pattern_is_not_paused(stoker: Make, broker: Make) -> None:
    answer = stoker("queues", "pause", "a b")
    assert answer.status == 2
    assert "'a b'" in answer.err


# Workers and types


def test_workers_are_listed_as_they_announced_themselves(stoker: Make, broker: Make) -> None:
    broker(lambda opened: opened.announce(worker(version="0.1.0")))
    [row] = stoker("workers", "list").rows
    assert row[:3] == ["w1", "default", socket.gethostname()]
    [found] = stoker("workers", "list", "--json").json
    assert (found["slots"], found["running"], found["queues"]) == (16, 3, ["*"])


def test_types_are_listed_as_daemons_published_them(stoker: Make, broker: Make) -> None:
    schema = {"type": "object", "properties": {"to": {}, "subject": {}}}
    types = [
        TypeInfo(name="b.second", timeout=600.0, schema=schema, description="Sends it."),
        TypeInfo(name="a.first", queue="pdf"),
    ]
    broker(lambda opened: opened.publish(types))
    assert stoker("types", "list").rows == [
        ["a.first", "pdf", "5", "6"],
        ["b.second", "default", "5", "6", "10m", "to, subject", "Sends it."],
    ]
    assert {one["name"] for one in stoker("types", "list", "--json").json} == {"a.first", "b.second"}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("workers", "no worker has been seen for a day"),
        ("types", "no daemon has published a type yet"),
    ],
)
def test_an_empty_list_is_told(stoker: Make, broker: Make, command: str, sentence: str) -> None:
    answer = stoker(command, "list")
    assert (answer.status, answer.out, answer.err) == (0, "", f"stoker: {sentence}\n")
    assert stoker(command, "list", "--json").json == []


# Health


def test_a_daemon_that_announces_itself_is_healthy(stoker: Make, broker: Make) -> None:
    broker(lambda opened: opened.announce(worker()))
    answer = stoker("health")
    assert answer.status == 0
    assert answer.out.startswith("w1 lives, seen ")


def seen(folder: Path, ago: float) -> None:
    """Let the worker have been seen so many seconds ago."""
    connection = sqlite3.connect(folder / "var" / "stoker.db")
    with connection:
        connection.execute("UPDATE stoker_worker SET seen_at = seen_at - ?", (int(ago * 1e6),))
    connection.close()


def test_one_that_has_missed_three_announcements_is_not(
    stoker: Make, broker: Make, folder: Path
) -> None:
    broker(lambda opened: opened.announce(worker()))
    seen(folder, 40)
    assert stoker("health").status == 0
    seen(folder, 6)
    answer = stoker("health")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == (
        f"stoker: no daemon of service default lives on host {socket.gethostname()}: "
        "the last was seen 46s ago\n"
    )


def test_the_lease_of_the_configuration_counts(stoker: Make, broker: Make, folder: Path) -> None:
    broker(lambda opened: opened.announce(worker()))
    seen(folder, 46)
    (folder / "config.yaml").write_text("lease: 60s")
    assert stoker("health").status == 0


@pytest.mark.parametrize(
    ("more", "arguments", "status"),
    [
        ({"host": "elsewhere"}, [], 1),
        ({"host": "elsewhere"}, ["--anywhere"], 0),
        ({"service": "other"}, [], 1),
        ({"service": "other"}, ["--anywhere"], 1),
    ],
)
def test_only_daemons_of_this_service_and_host_count(
    stoker: Make, broker: Make, more: dict[str, Any], arguments: list[str], status: int
) -> None:
    broker(lambda opened: opened.announce(worker(**more)))
    answer = stoker("health", "--json", *arguments)
    assert answer.status == status
    assert answer.json["healthy"] is (status == 0)


# Migrate


def test_migrate_creates_the_database_and_can_be_called_again(stoker: Make, folder: Path) -> None:
    for _ in range(2):
        answer = stoker("migrate")
        assert (answer.status, answer.out) == (0, f"sqlite:///{folder}/var/stoker.db is ready\n")
    assert stoker("jobs", "list").status == 0


def test_migrate_can_print_its_sql_instead(stoker: Make, folder: Path) -> None:
    answer = stoker("migrate", "--sql")
    assert answer.status == 0
    assert "CREATE TABLE stoker_job" in answer.out
    assert not (folder / "var").exists()
    connection = sqlite3.connect(":memory:")
    connection.executescript(answer.out)  # it is whole
    connection.close()


@pytest.mark.parametrize(
    "command",
    [
        ["jobs", "list"], ["jobs", "show", "x"], ["jobs", "cancel", "x"], ["jobs", "retry", "x"],
        ["explain", "x"], ["queues", "list"], ["queues", "pause", "x"], ["queues", "resume", "x"],
        ["workers", "list"], ["types", "list"], ["health"], ["enqueue", "x"],
    ],
)  # fmt: skip
def test_no_other_command_creates_a_database(stoker: Make, folder: Path, command: list[str]) -> None:
    answer = stoker(*command)
    assert answer.status == 1
    assert answer.err == (
        f"stoker: there is no database {folder}/var/stoker.db: `stoker run`, `stoker demo` and "
        "`stoker migrate` create one\n"
    )
    assert list(folder.iterdir()) == []


# Check


APP = """
    from stoker.handlers import handler

    @handler("app.first")
    async def first(ctx): ...

    @handler("app.second", queue="pdf")
    def second(): ...

    async def timed(ctx, call_next):
        return await call_next()
"""


@pytest.fixture
def app(folder: Path) -> Callable[[str], None]:
    """Writes a module of handlers, and a configuration that names it."""

    def write(config: str, source: str = APP) -> None:
        # Another name for each test: what is imported stays.
        name = f"app_{abs(hash(folder))}"
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
        (folder / "config.yaml").write_text(config.replace("APP", name))

    return write


def test_check_reports_what_is_there(stoker: Make, app: Make, put: Make, folder: Path) -> None:
    app("handlers: [APP]\nmiddleware: ['APP:timed']\n")
    put()
    answer = stoker("check")
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert lines[0] == f"ok    configuration: {folder}/config.yaml, 2 of 35 keys set"
    assert lines[1] == "ok    handlers: 2 types: app.first, app.second"
    assert lines[2].startswith("ok    middleware: app_")
    assert lines[3] == (
        f"ok    broker: sqlite:///{folder}/var/stoker.db answers; 1 jobs wait in 1 queues"
    )


def test_check_notes_what_may_be_meant(stoker: Make, app: Make, folder: Path) -> None:
    app("handlers: [APP]\nqueues: [default]\n")
    answer = stoker("check")
    assert answer.status == 0
    assert answer.out.splitlines()[2:] == [
        "note  queues: this daemon does not work pdf, the queue of app.second",
        f"note  broker: there is no database {folder}/var/stoker.db yet: `stoker run` and "
        "`stoker migrate` create it",
    ]
    assert not (folder / "var").exists()


@pytest.mark.parametrize(
    ("config", "source", "line"),
    [
        ("leese: 5", APP, "WRONG configuration: config.yaml:1: there is no key leese: perhaps lease"),
        ("lease: 5\nhandlers: [nowhere]", APP,
         "WRONG handlers: config.yaml:2: there is no module nowhere, neither in"),
        ("handlers: [APP]", "import no_such_library", "WRONG handlers: config.yaml:1: app_"),
        ("middleware: ['APP:nothing']", APP, "WRONG middleware: config.yaml:1: app_"),
        ("broker: sqlite:///config.yaml", APP, "WRONG broker: config.yaml:1: the database "),
    ],
)  # fmt: skip
def test_check_says_what_is_wrong_and_where(
    stoker: Make, app: Make, config: str, source: str, line: str
) -> None:
    app(config, source)
    answer = stoker("check")
    assert answer.status == 1
    assert any(said.startswith(line) for said in answer.out.splitlines()), answer.out
    report = stoker("check", "--json").json
    assert report["ok"] is False
    assert [found["verdict"] for found in report["findings"]].count("wrong") == 1


# Config


def test_config_shows_every_value_with_its_source(
    stoker: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config.yaml").write_text("lease: 1m30s\nqueues: [mail]\n")
    monkeypatch.setenv("STOKER__WEB__PORT", "9000")
    answer = stoker("config", "--broker", "sqlite:////srv/jobs.db")
    assert answer.out.splitlines()[0] == f"file: {folder}/config.yaml"
    shown = {row[0]: row[1:] for row in answer.rows}
    assert shown["lease"] == ["1m30s", "config.yaml:1"]
    assert shown["queues"] == ['["mail"]', "config.yaml:2"]
    assert shown["web.port"] == ["9000", "STOKER__WEB__PORT"]
    assert shown["broker"] == ["sqlite:////srv/jobs.db", "--broker"]
    assert shown["retention.failed.age"] == ["90d", "default"]
    assert shown["self_fence"] == ["true", "default"]
    document = stoker("config", "--json").json
    assert document["lease"] == {"value": 90.0, "source": "config.yaml:1"}
    assert document["name"] == {"value": None, "source": "default"}


def test_config_masks_what_is_secret(stoker: Make, folder: Path) -> None:
    (folder / "secret").write_text("hidden")
    (folder / "config.yaml").write_text("broker: sqlite:///jobs.db\nname_file: secret\nservice: open\n")
    for arguments in ([], ["--json"]):
        out = stoker("config", *arguments).out
        assert "hidden" not in out
        assert "***" in out
        assert "open" in out


def test_config_without_a_file_says_so(stoker: Make) -> None:
    assert stoker("config").out.splitlines()[0] == "file: none"


# Version


def test_version_says_which_stoker_this_is(stoker: Make) -> None:
    assert stoker("version").out.startswith(f"stoker {__version__}, Python 3.")
    assert stoker("version", "--json").json["stoker"] == __version__
