import sys
from pathlib import Path

import pytest

from stoker.client.configured import Configured, configured
from stoker.daemon.configuration.loading import load
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.errors import ConfigError, MissingExtra


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; the configuration is in another."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def config(tmp_path: Path, here: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder / "config.yaml"


def sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_path_is_relative_to_the_file_that_names_it(config: Path) -> None:
    config.write_text("broker: sqlite:///var/jobs.db\n")
    assert configured(config, {}) == Configured(sqlite(config.parent / "var/jobs.db"), MAX_PAYLOAD)
    assert configured(str(config), {}) == configured(config, {})


def test_in_the_environment_it_is_relative_to_the_working_directory(here: Path, config: Path) -> None:
    config.write_text("broker: sqlite:///var/jobs.db\nmax_payload: 1KiB\n")
    found = configured(config, {"STOKER__BROKER": "sqlite:///env.db"})
    assert found == Configured(sqlite(here / "env.db"), 1024)


def test_an_absolute_path_stays_as_it_is(config: Path) -> None:
    config.write_text("broker: sqlite:////srv/jobs.db\n")
    assert configured(config, {}).broker == "sqlite:////srv/jobs.db"


def test_a_url_of_another_kind_stays_as_it_is(config: Path) -> None:
    config.write_text("broker: memory://\n")
    assert configured(config, {}).broker == "memory://"


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path, config: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "url").write_text("sqlite:///jobs.db\n")
    config.write_text("broker_file: ../secrets/url\n")
    assert configured(config, {}).broker == sqlite(config.parent / "../secrets/jobs.db")


def test_the_environment_may_name_such_a_file_too(here: Path, config: Path) -> None:
    (here / "url").write_text("memory://\n")
    config.write_text("broker: sqlite:///jobs.db\n")
    assert configured(config, {"STOKER__BROKER_FILE": "url"}).broker == "memory://"


def test_the_environment_goes_over_the_file(config: Path) -> None:
    config.write_text("broker_file: missing\nmax_payload: 1KiB\n")
    environment = {"STOKER__BROKER": "memory://", "STOKER__MAX_PAYLOAD": "2KiB"}
    assert configured(config, environment) == Configured("memory://", 2048)


def test_the_file_of_the_working_directory_is_taken_where_there_is_one(here: Path) -> None:
    assert configured(None, {}).broker == sqlite(here / "var/stoker.db")
    (here / "config.yaml").write_text("broker: memory://\n")
    assert configured(None, {}).broker == "memory://"


def test_what_is_for_the_daemon_is_left_to_it(config: Path) -> None:
    config.write_text("broker: memory://\nqueues: 7\nnonsense: true\n")
    assert configured(config, {"STOKER__WEB__PORT": "x"}).broker == "memory://"


def test_an_empty_file_says_nothing(config: Path) -> None:
    config.write_text("# nothing\n")
    assert configured(config, {}) == Configured(sqlite(config.parent / "var/stoker.db"), MAX_PAYLOAD)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("broker: sqlite:///jobs.db", {}),
        ("broker: sqlite:////srv/jobs.db?synchronous=normal", {}),
        ("service: ours", {}),
        ("broker_file: url", {}),
        ("\ufeffmax_payload: 1MB", {}),
        ("max_payload: 1.5KiB", {"STOKER__BROKER": "sqlite:///jobs.db"}),
        ("broker: memory://", {"STOKER__BROKER": "", "STOKER__MAX_PAYLOAD": "4096"}),
        ("broker: memory://", {"STOKER__BROKER_FILE": "url", "STOKER__MAX_PAYLOAD": "4KiB"}),
        (None, {}),
        (None, {"STOKER__BROKER": "sqlite:///env.db"}),
    ],
)
def test_the_daemon_finds_the_same(
    here: Path, config: Path, text: str | None, environment: dict[str, str]
) -> None:
    for folder in (here, config.parent):
        (folder / "url").write_text("sqlite:///secret.db\n")
    if text is not None:
        config.write_text(text + "\n")
    file = None if text is None else config
    settings = load(file, environment=environment).settings
    assert configured(file, environment) == Configured(settings.broker, settings.max_payload)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "broker: nonsense",
            "config.yaml: broker: broker URL 'nonsense' begins with none of memory://",
        ),
        ("broker: 7", "config.yaml: broker is a URL such as sqlite:///var/stoker.db, not 7"),
        ("broker: ''", "config.yaml: broker is a URL such as sqlite:///var/stoker.db, not ''"),
        ("broker_file: 7", "config.yaml: broker_file is the path of a file, not 7"),
        (
            "broker_file: missing",
            "config.yaml: broker_file: {folder}/missing cannot be read: No such file",
        ),
        ("broker: a\nbroker_file: b", "config.yaml: broker and broker_file are both given: keep one"),
        (
            "max_payload: big",
            "config.yaml: max_payload: 'big' is not a size: write bytes, or text such as",
        ),
        ("max_payload: -1", "config.yaml: max_payload: -1 is not a size"),
        ("max_payload: true", "config.yaml: max_payload: True is not a size"),
        ("- broker", "config.yaml: the configuration is a mapping such as `broker: sqlite:///"),
        ("broker: [", "config.yaml:1: this is no YAML ("),
        ("a: 1\nb: *x", "config.yaml:2: this is no YAML (found undefined alias"),
    ],
)
def test_what_does_not_hold_is_refused_with_the_place(config: Path, text: str, wrong: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        configured(config, {})
    said = str(caught.value)
    assert said.startswith(f"{config.parent}/{wrong.format(folder=config.parent)}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        (
            {"STOKER__BROKER": "a", "STOKER__BROKER_FILE": "b"},
            "STOKER__BROKER and STOKER__BROKER_FILE are",
        ),
        ({"STOKER__BROKER": "nonsense"}, "STOKER__BROKER: broker URL 'nonsense' begins with none of"),
        ({"STOKER__BROKER_FILE": "empty"}, "STOKER__BROKER_FILE: {here}/empty is empty"),
        ({"STOKER__BROKER_FILE": "missing"}, "STOKER__BROKER_FILE: {here}/missing cannot be read"),
        ({"STOKER__MAX_PAYLOAD": "big"}, "STOKER__MAX_PAYLOAD: 'big' is not a size"),
    ],
)
def test_what_does_not_hold_in_the_environment_is_refused_too(
    here: Path, environment: dict[str, str], wrong: str
) -> None:
    (here / "empty").write_text("\n")
    with pytest.raises(ConfigError) as caught:
        configured(None, environment)
    assert str(caught.value).startswith(f"environment: {wrong.format(here=here)}")


def test_a_file_that_is_named_and_not_there_is_refused(here: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"the configuration: other\.yaml cannot be read: No such file"
    ):
        configured("other.yaml", {})


def test_a_file_that_is_no_text_is_refused(config: Path) -> None:
    config.write_bytes(b"broker: \xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read: it is no UTF-8 text"):
        configured(config, {})


def test_without_the_library_the_extra_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("broker: memory://\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match=r"pip install 'stoker\[daemon\]'"):
        configured(config, {})


def test_the_environment_alone_needs_no_library(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert configured(None, {"STOKER__BROKER": "memory://"}).broker == "memory://"
