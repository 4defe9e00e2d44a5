"""What is wrong is said in a sentence each: where, what, and what would be right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stoker.daemon.configuration import load
from stoker.jobs.errors import ConfigError

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """What loading a config.yaml with this text says."""

    def refuse(text: str = "", **more: Any) -> str:
        (tmp_path / "config.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(ConfigError) as caught:
            load(**{"environment": {}, "folder": tmp_path} | more)
        return str(caught.value)

    return refuse


DURATION = "must be a duration, more than 0, such as 90 (seconds) or '1m30s'"
YES_NO = "YAML reads yes, no, on and off as true or false"
QUEUES = "queues must be a list such as [mail, 'reports.*', '!reports.big', {name: pdf, limit: 2}]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("leese: 5", "there is no key leese: perhaps lease"),
        ("port: 80", "there is no key port: perhaps web.port"),
        ("zzz: 80", "there is no key zzz: `stoker config` lists them all"),
        ("web: {prot: 80}", "there is no key web.prot: perhaps web.port"),
        ("web: {zzz: 80}", "there is no key web.zzz: web has enabled, host, port"),
        ("retention: {running: 1h}",
         "there is no key retention.running: retention has completed, failed, cancelled, skipped"),
        ("lease_file: x", "there is no key lease_file: perhaps lease"),
        ("lease: yes", f"lease {DURATION}, not true ({YES_NO})"),
        ("lease: soon", f"lease {DURATION}, not 'soon'"),
        ("lease: -3", f"lease {DURATION}, not -3"),
        ("lease: 0", f"lease {DURATION}, not 0"),
        ("lease: .inf", f"lease {DURATION}, not inf"),
        ("lease: [15]", f"lease {DURATION}, not [15]"),
        ("lease:", f"lease {DURATION}, not null"),
        ("lease: 500ms",
         "lease must be at least 1s, or it could not be renewed in time, not 500ms"),
        ("shutdown_grace: -1",
         "shutdown_grace must be a duration, such as 90 (seconds) or '1m30s', not -1"),
        ("max_concurrency: 0", "max_concurrency must be a whole number of at least 1, not 0"),
        ("max_concurrency: 1.5", "max_concurrency must be a whole number of at least 1, not 1.5"),
        ("max_concurrency: '4'", "max_concurrency must be a whole number of at least 1, not '4'"),
        ("max_concurrency: yes",
         f"max_concurrency must be a whole number of at least 1, not true ({YES_NO})"),
        ("web: {port: 70000}", "web.port must be a whole number from 0 to 65535, not 70000"),
        ("web: on", "web must be a mapping of enabled, host, port, not true"),
        ("self_fence: 1", "self_fence must be true or false, not 1"),
        ("name: no",
         f"name must be a line of text, or null, not false ({YES_NO}; quote it if it is a text)"),
        ("service: 7", "service must be a line of text, not 7 (quote it if it is a text)"),
        ("service: ''", "service must be a line of text, not ''"),
        ("service: 'a b'", "service must be a name of letters, digits and _ . : -, not 'a b'"),
        ("mode: off",
         f"mode must be consumer or producer, not false ({YES_NO}; quote it if it is a text)"),
        ("log: {level: loud}", "log.level must be debug, info, warning or error, not 'loud'"),
        ("max_payload: 5X",
         "max_payload must be a number of bytes, at least 1024, such as 65536, '256KiB' or '1MB', "
         "not '5X'"),
        ("max_payload: 1.0001kB",
         "max_payload must be a number of bytes, at least 1024, such as 65536, '256KiB' or '1MB', "
         "not '1.0001kB'"),
        ("handlers: app.jobs",
         "handlers must be a list of modules such as [app.jobs], not 'app.jobs'"),
        ("handlers: [on]",
         "handlers must be a list of modules such as [app.jobs], but true is no module "
         f"({YES_NO}; quote it if it is a text)"),
        ("middleware: [tracing]", "middleware must be written as module:function, not 'tracing'"),
        ("queues: mail", f"{QUEUES}, not 'mail'"),
        ("queues: ['a b']", f"{QUEUES}, but 'a b' is no queue name or pattern"),
        ("queues: [{name: pdf}]",
         f"{QUEUES}, but {{'name': 'pdf'}} has not a name and a limit, and nothing else"),
        ("queues: [{name: pdf, limit: 0}]",
         f"{QUEUES}, but the limit of pdf is 0, not a whole number of at least 1"),
        ("queues: [{name: '!pdf', limit: 1}]",
         f"{QUEUES}, but '!pdf' leaves a queue out, so it has no limit"),
        ("queues: []", "queues must name a queue or a pattern; `mode: producer` works none"),
        ("queues: [a, {name: a, limit: 1}]",
         "queues must name each queue once, and a stands there 2 times"),
        ("retention: {failed: yes}",
         f"retention.failed.age must be a duration, such as 90 (seconds) or '1m30s', or null, "
         f"not true ({YES_NO})"),
        ("retention: {failed: }",
         "retention.failed must be a duration, or a mapping of age, count, not null"),
        ("retention: {failed: {count: -1}}",
         "retention.failed.count must be a whole number of at least 0, or null, not -1"),
        ("cron: [a]",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, not ['a']"),
        ("cron: {a: 5}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, "
         "but a has 5, which is no line and no mapping"),
        ("cron: {a b: '@daily'}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, but 'a b' is no type"),
        ("cron: {a: '0 24 * * *'}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, but a: '0 24 * * *' is "
         "no schedule: the hour 24 does not lie within 0 to 23"),
        ("cron: {a: {cron: '@daily', timezone: Mars}}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, but a: 'Mars' is "
         "no time zone: give a name such as 'Europe/Vienna'"),
        ("cron: {a: {cron: 5}}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, but a: a schedule is "
         "a line such as '0 3 * * *' or 'every 15m', not 5"),
        ("cron: {a: {every: 500ms}}",
         "cron must be a mapping such as {maintenance.cleanup: '0 23 * * *'}, but a: '500ms' is "
         "no schedule: a period has whole seconds, at least one"),
        ("processes: 2\nbroker: memory://",
         "processes must be 1 with a memory:// broker, which lives in one process, not 2"),
        ("broker_file: 5", "broker_file must be the path of a file, not 5"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(refusal: Refusal, text: str, sentence: str) -> None:
    assert refusal(text) == f"config.yaml:1: {sentence}"


@pytest.mark.parametrize(
    ("entry", "piece"),
    [
        ("b: '0 24 * * *'", "but b: '0 24 * * *' is no schedule: the hour 24"),
        ("b: {every: 1h,\n    timezone: Mars}", "but b: 'Mars' is no time zone"),
        ("b: 5", "but b has 5, which is no line"),
        ("b c: '@daily'", "but 'b c' is no type"),
    ],
)
def test_of_many_schedules_the_line_of_the_bad_one_is_named(
    refusal: Refusal, entry: str, piece: str
) -> None:
    text = refusal(f"cron:\n  a: '@daily'\n\n  {entry}\n  c: never\n")
    assert text.startswith("config.yaml:4: cron must be a mapping")
    assert piece in text


def test_a_schedule_of_the_environment_is_named_by_its_variable(refusal: Refusal) -> None:
    text = refusal(environment={"STOKER__CRON": "{a: '0 24 * * *'}"})
    assert text.startswith("STOKER__CRON: cron must be a mapping")


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("lease: 5\nlease: 5", 2, "lease stands here for the second time, after line 1"),
        ("{lease: 5, lease: 5}", 1, "lease stands here for the second time"),
        ("web:\n  port: 1\n  host: x\n  port: 2", 4, "port stands here for the second time"),
        ("poll: 1\nlease: 1:30", 2, "YAML reads 1:30 as 90: write that, or quote it"),
        ("max_concurrency: 010", 1, "YAML reads 010 as 8: write that, or quote it"),
        ("name: 2026-13-45", 1, "quote it"),
        ("yes: 5", 1, "yes is no text to YAML, as a key must be: quote it"),
        ("? [a]\n: 5", 1, "this is no text to YAML"),
        ("poll: 1\nqueues: [*]", 2, "a text that begins with * or & must be quoted"),
        ("cron: {a: */2 * * * *}", 1, "a text that begins with * or & must be quoted"),
        ("queues: [!pdf]", 1, "quote a text that begins with !"),
        ("name: !pdf", 1, "a text that begins with ! must be quoted"),
        ("cron: {a: @daily}", 1, "a text that begins with such a character must be quoted"),
        ("web:\n\tport: 5", 2, "indent with spaces"),
        ("name: a: b", 1, "a text with a colon and a space in it must be quoted"),
        ("lease: 5\n---\nlease: 6", 2, "one document is enough"),
        ("poll: 1\nlease: [", 2, "this is no YAML"),
        ("x: !!python/object/apply:os.system [ls]", 1, "has no meaning here"),
        ("a: &a [*a]", 1, "nested too deeply, or within itself"),
        ("[" * 30 + "]" * 30, 1, "nested too deeply, or within itself"),
        ("poll: 1\nname: 'a\0b'", 2, "the character U+0000 is not allowed in YAML"),
        ("- lease", 1, "a configuration is a mapping of keys to values, as `lease: 15s`"),
        ("lease", 1, "a configuration is a mapping of keys to values, as `lease: 15s`"),
    ],
)
def test_a_text_that_misleads_is_refused_with_its_line(
    refusal: Refusal, text: str, line: int, piece: str
) -> None:
    said = refusal(text)
    assert said.startswith(f"config.yaml:{line}: ")
    assert piece in said
    assert "\n" not in said


def test_a_text_that_would_grow_without_end_is_refused(refusal: Refusal) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(9)]
    assert "nested too deeply" in refusal("\n".join(lines))


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"STOKER__BROKR": "x"}, "STOKER__BROKR: there is no key brokr: perhaps broker"),
        ({"STOKER__LEASE": "soon"}, f"STOKER__LEASE: lease {DURATION}, not 'soon'"),
        ({"STOKER__QUEUES": "mail"}, f"STOKER__QUEUES: {QUEUES}, not 'mail'"),
        ({"STOKER__CRON__X": "@daily"},
         "STOKER__CRON__X: there is no key cron.x: cron is given as a whole"),
        ({"STOKER__WEB": "80"},
         "STOKER__WEB: web must be a mapping of enabled, host, port, not 80"),
    ],
)  # fmt: skip
def test_a_variable_that_does_not_fit_is_named(
    refusal: Refusal, variables: dict[str, str], sentence: str
) -> None:
    assert refusal(environment=variables) == sentence


def test_a_variable_that_is_no_yaml_is_named(refusal: Refusal) -> None:
    said = refusal(environment={"STOKER__HANDLERS": "[a"})
    assert said.startswith("STOKER__HANDLERS: this is no YAML (")


def test_an_argument_that_does_not_fit_is_named(refusal: Refusal) -> None:
    said = refusal(arguments={"web.port": "x"})
    assert said == "--web-port: web.port must be a whole number from 0 to 65535, not 'x'"


def test_everything_that_is_wrong_is_said_at_once(refusal: Refusal) -> None:
    said = refusal("lease: soon\nleese: 5\n", environment={"STOKER__POLL": "x"})
    assert [line.partition(" ")[0] for line in said.splitlines()] == [
        "config.yaml:2:",
        "config.yaml:1:",
        "STOKER__POLL:",
    ]


def test_what_contradicts_itself_names_the_place_it_was_set(refusal: Refusal) -> None:
    said = refusal(environment={"STOKER__LEASE": "0.5"})
    assert said.startswith("STOKER__LEASE: lease must be at least 1s")


@pytest.mark.parametrize(
    ("url", "piece"),
    [
        ("redi://me:secret@host", "'redi://…' begins with none of memory://"),
        ("jobs.db", "'jobs.db' begins with none of memory://"),
        ("sqlite://jobs.db", "write sqlite:///relative/path.db, or sqlite:////absolute/path.db"),
        ("sqlite:///jobs.db?sync=off", "unknown option sync"),
    ],
)
def test_a_broker_that_nothing_serves_is_refused(refusal: Refusal, url: str, piece: str) -> None:
    said = refusal(f"broker: '{url}'")
    assert said.startswith("config.yaml:1: broker URL")
    assert piece in said
    assert "secret" not in said


def test_a_text_and_a_file_for_one_key_are_refused(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    said = refusal("name: x\nname_file: secret")
    assert said == "config.yaml:2: give name or name_file, not both"


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (None, "which cannot be read: no such file or directory"),
        (b" \n", "which is empty"),
        (b"\xff", "which cannot be read: it is not encoded as UTF-8"),
    ],
)
def test_a_secrets_file_without_a_secret_is_refused(
    refusal: Refusal, tmp_path: Path, content: bytes | None, piece: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    said = refusal("name_file: secret")
    assert said == f"config.yaml:1: name_file names {tmp_path}/secret, {piece}"


def test_no_error_shows_what_a_secrets_file_holds(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    said = refusal("mode_file: secret")
    assert said == ("config.yaml:1: mode must be consumer or producer, unlike what is in the file")


def test_a_file_that_is_a_folder_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    said = refusal(file=Path("etc"))
    assert said == f"the configuration file {tmp_path}/etc cannot be read: is a directory"


def test_a_file_that_is_not_utf_8_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: Köln".encode("latin-1"))
    said = refusal(file=Path("latin.yaml"))
    assert said.endswith("latin.yaml cannot be read: it is not encoded as UTF-8")
