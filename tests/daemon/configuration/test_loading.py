from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stoker.daemon.configuration import Configuration, load
from stoker.daemon.settings import Log, QueueLimit, Settings, Web
from stoker.jobs.errors import ConfigError
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

Load = Callable[..., Configuration]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads the configuration with this text as config.yaml in the working directory."""

    def load_text(text: str | None = None, **more: Any) -> Configuration:
        if text is not None:
            (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        return load(**{"environment": {}, "folder": tmp_path} | more)

    return load_text


def test_without_a_file_everything_is_default(loaded: Load, tmp_path: Path) -> None:
    configuration = loaded()
    assert configuration.settings == Settings(broker=f"sqlite:///{tmp_path}/var/stoker.db")
    assert configuration.file is None
    assert configuration.relative_to == tmp_path
    assert set(configuration.sources.values()) == {"default"}


def test_an_empty_file_changes_nothing(loaded: Load) -> None:
    assert loaded("# nothing yet\n").settings == loaded().settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: crusher", {"name": "crusher"}),
        ("name: null", {"name": None}),
        ("mode: producer", {"mode": "producer"}),
        ("max_concurrency: 1_000", {"max_concurrency": 1000}),
        ("isolated: 0", {"isolated": 0}),
        ("self_fence: no", {"self_fence": False}),
        ("lease: 20", {"lease": 20.0}),
        ("lease: '20'", {"lease": 20.0}),
        ("lease: 1m30s", {"lease": 90.0}),
        ("lease: 2.5", {"lease": 2.5}),
        ("shutdown_grace: 0", {"shutdown_grace": 0.0}),
        ("progress_flush_interval: 500ms", {"progress_flush_interval": 0.5}),
        ("max_payload: 65536", {"max_payload": 65536}),
        ("max_payload: 1MB", {"max_payload": 1_000_000}),
        ("max_payload: 1.5 MiB", {"max_payload": 1_572_864}),
        ("max_payload: 64kib", {"max_payload": 65536}),
        ("handlers: [app.jobs, app.mail]", {"handlers": ("app.jobs", "app.mail")}),
        ("handlers: []", {"handlers": ()}),
        ("middleware: ['app.tracing:trace']", {"middleware": ("app.tracing:trace",)}),
        ("queues: [mail, '!pdf', 'a.*']", {"queues": ("mail", "!pdf", "a.*")}),
        (
            "queues: ['*', {name: pdf, limit: 2}]",
            {"queues": ("*", QueueLimit(name="pdf", limit=2))},
        ),
        ("web: {port: 0, enabled: false}", {"web": Web(port=0, enabled=False)}),
        ("web:\nlog:\n", {}),
        ("log: {level: debug}", {"log": Log(level="debug")}),
        ("cron: {mail.send: '@daily'}", {"cron": {"mail.send": "@daily"}}),
        (
            "cron: {mail.send: {cron: '*/2 * * * *', overlap: skip}}",
            {"cron": {"mail.send": {"cron": "*/2 * * * *", "overlap": "skip"}}},
        ),
        ("cron: {mail.send: never}", {"cron": {"mail.send": "never"}}),
    ],
)
def test_values_are_read_as_they_are_meant(loaded: Load, text: str, expected: dict[str, Any]) -> None:
    assert loaded(text).settings == msgspec.structs.replace(loaded("").settings, **expected)


@pytest.mark.parametrize(
    ("text", "state", "keep"),
    [
        ("{completed: 1h}", State.COMPLETED, Keep(3600.0, 1_000_000)),
        ("{completed: {count: 5}}", State.COMPLETED, Keep(86400.0, 5)),
        ("{completed: {age: null, count: null}}", State.COMPLETED, Keep(None, None)),
        ("{failed: 3600}", State.FAILED, Keep(3600.0)),
        ("{failed: {age: 1d, count: 7}}", State.FAILED, Keep(86400.0, 7)),
    ],
)
def test_retention_goes_over_the_defaults_of_its_state(
    loaded: Load, text: str, state: State, keep: Keep
) -> None:
    retention = loaded(f"retention: {text}").settings.retention
    assert retention[state] == keep
    others = set(retention) - {state}
    assert {retention[one] == loaded("").settings.retention[one] for one in others} == {True}
    assert set(retention) == {State.COMPLETED, State.FAILED, State.CANCELLED, State.SKIPPED}


def test_anchors_and_merges_of_yaml_work(loaded: Load) -> None:
    text = "retention:\n  failed: &long {age: 9d, count: 3}\n  skipped: {<<: *long, count: 4}\n"
    assert loaded(text).settings.retention[State.SKIPPED] == Keep(9 * 86400.0, 4)


def test_the_environment_goes_over_the_file_and_arguments_over_both(loaded: Load) -> None:
    configuration = loaded(
        "lease: 20s\npoll: 2s\nservice: file\n",
        environment={"STOKER__LEASE": "30s", "STOKER__POLL": "3s"},
        arguments={"lease": "40s"},
    )
    settings = configuration.settings
    assert (settings.lease, settings.poll, settings.service) == (40.0, 3.0, "file")
    named = {key: configuration.sources[key] for key in ("lease", "poll", "service", "mode")}
    assert named == {
        "lease": "--lease",
        "poll": "STOKER__POLL",
        "service": "config.yaml:3",
        "mode": "default",
    }


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STOKER__NAME": "123"}, {"name": "123"}),
        ({"STOKER__NAME": "no: really"}, {"name": "no: really"}),
        ({"STOKER__NAME": ""}, {}),
        ({"STOKER__MAX_CONCURRENCY": "4"}, {"max_concurrency": 4}),
        ({"STOKER__SELF_FENCE": "false"}, {"self_fence": False}),
        ({"STOKER__LEASE": "1m"}, {"lease": 60.0}),
        ({"STOKER__QUEUES": "[mail, {name: pdf, limit: 1}]"},
         {"queues": ("mail", QueueLimit(name="pdf", limit=1))}),
        ({"STOKER__CRON": "{Mail.send: '0 3 * * *'}"}, {"cron": {"Mail.send": "0 3 * * *"}}),
        ({"STOKER__WEB__PORT": "9000"}, {"web": Web(port=9000)}),
        ({"STOKER__WEB__PORT": "9000", "STOKER__WEB": "{port: 1, host: '::1'}"},
         {"web": Web(port=9000, host="::1")}),
        ({"STOKER_NAME": "other", "STOKERX": "1", "PATH": "/bin"}, {}),
    ],
)  # fmt: skip
def test_variables_are_read_as_they_are_meant(
    loaded: Load, variables: dict[str, str], expected: dict[str, Any]
) -> None:
    settings = loaded(environment=variables).settings
    assert settings == msgspec.structs.replace(loaded().settings, **expected)


def test_one_key_of_retention_can_be_set_by_the_environment(loaded: Load) -> None:
    configuration = loaded(
        "retention: {completed: {age: 2h, count: 9}}",
        environment={
            "STOKER__RETENTION__COMPLETED__AGE": "1h",
            "STOKER__RETENTION__FAILED": "2h",
            "STOKER__RETENTION__SKIPPED__COUNT": "null",
        },
    )
    retention = configuration.settings.retention
    assert retention[State.COMPLETED] == Keep(3600.0, 9)
    assert retention[State.FAILED] == Keep(7200.0)
    assert configuration.sources["retention.completed.age"] == "STOKER__RETENTION__COMPLETED__AGE"
    assert configuration.sources["retention.completed.count"] == "config.yaml:1"


def test_without_an_environment_given_that_of_the_process_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOKER__NAME", "crusher")
    monkeypatch.chdir(tmp_path)
    assert load().settings.name == "crusher"


def test_a_secret_can_stand_in_a_file_beside_the_configuration(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("  hidden name \n")
    configuration = loaded("name_file: password\nservice: s\n")
    assert configuration.settings.name == "hidden name"
    assert configuration.sources["name"] == "config.yaml:1"
    assert configuration.secrets == {"name"}


def test_a_secret_named_by_the_environment_goes_over_the_file(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "secret").write_text("sqlite:///secret.db\n")
    configuration = loaded(
        "broker: sqlite:///other.db", environment={"STOKER__BROKER_FILE": "run/secret"}
    )
    # The file that names it is the secret's own.
    assert configuration.settings.broker == f"sqlite:///{tmp_path}/run/secret.db"
    assert configuration.secrets == {"broker"}


def test_a_value_over_a_secret_is_no_secret(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    configuration = loaded("name_file: secret", environment={"STOKER__NAME": "open"})
    assert (configuration.settings.name, configuration.secrets) == ("open", frozenset())


def test_a_path_in_a_file_is_relative_to_that_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "stoker.yaml").write_text("broker: sqlite:///jobs.db\napp_dir: src\n")
    configuration = load(Path("etc/stoker.yaml"), environment={}, folder=tmp_path)
    assert configuration.settings.broker == f"sqlite:///{tmp_path}/etc/jobs.db"
    assert configuration.relative_to == tmp_path / "etc"
    assert configuration.settings.app_dir == "src"
    assert configuration.file == tmp_path / "etc" / "stoker.yaml"


def test_a_path_from_elsewhere_is_relative_to_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "stoker.yaml").write_text("broker: sqlite:///jobs.db\n")
    configuration = load(
        Path("etc/stoker.yaml"),
        environment={"STOKER__APP_DIR": "src"},
        arguments={"broker": "sqlite:///mine.db"},
        folder=tmp_path,
    )
    assert configuration.settings.broker == f"sqlite:///{tmp_path}/mine.db"
    assert configuration.relative_to / configuration.settings.app_dir == tmp_path / "src"


def test_an_absolute_broker_stays_as_it_is(loaded: Load) -> None:
    text = "broker: sqlite:////srv/jobs.db?synchronous=normal"
    assert loaded(text).settings.broker == "sqlite:////srv/jobs.db?synchronous=normal"


def test_settings_reach_children_as_they_are(loaded: Load) -> None:
    settings = loaded(
        "queues: [a, {name: b, limit: 2}]\ncron: {x: {cron: '@daily', payload: {a: [1]}}}\n"
        "retention: {failed: {age: null}}\nname: x\n"
    ).settings
    data = msgspec.msgpack.encode(settings)
    assert msgspec.msgpack.decode(data, type=Settings) == settings


def test_the_repositorys_own_file_equals_the_defaults_but_for_its_handlers() -> None:
    file = Path(__file__).parents[3] / "config.yaml"
    configuration = load(file, environment={})
    shipped = ("stoker.handlers.mail", "stoker.handlers.reports")
    assert configuration.settings == Settings(
        broker=f"sqlite:///{file.parent}/var/stoker.db", handlers=shipped
    )


def test_the_repositorys_own_file_names_every_key() -> None:
    file = Path(__file__).parents[3] / "config.yaml"
    configuration = load(file, environment={})
    unnamed = {key for key, source in configuration.sources.items() if source == "default"}
    # A bare duration says all there is to say of a state that has no count.
    assert unnamed == {f"retention.{state}.count" for state in ("cancelled", "skipped", "failed")}


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^there is no configuration file .*/no\.yaml$"):
        load(Path("no.yaml"), environment={}, folder=tmp_path)
