from pathlib import Path

import pytest

from stoker.brokers.sqlite.address import anchored_url, parse
from stoker.jobs.errors import BrokerRefused

HERE = Path("/srv/app")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///jobs.db", "/srv/app/jobs.db"),
        ("sqlite:///var/jobs.db", "/srv/app/var/jobs.db"),
        ("sqlite:////var/lib/jobs.db", "/var/lib/jobs.db"),
        ("sqlite://///var/lib/jobs.db", "/var/lib/jobs.db"),
        ("sqlite:///with%20space.db", "/srv/app/with space.db"),
        ("sqlite:///with space.db", "/srv/app/with space.db"),
        ("sqlite:///50%25%3F.db", "/srv/app/50%?.db"),
        ("sqlite:///a%23b.db", "/srv/app/a#b.db"),
        ("sqlite:///jörg.db", "/srv/app/jörg.db"),
        ("sqlite:///jobs.db?synchronous=full", "/srv/app/jobs.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    assert parse(url, HERE).path == Path(path)


def test_a_relative_path_stays_within_nothing(tmp_path: Path) -> None:
    assert parse("sqlite:///../other/jobs.db", HERE).path == Path("/srv/app/../other/jobs.db")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///var/",
        "sqlite:///:memory:",
        "sqlite://host/jobs.db",
        "sqlite://jobs.db",
        "sqlite:///jobs.db#part",
        "sqlite:///jobs%00.db",
        "postgresql:///jobs",
        "sqlite://[::1/jobs.db",
        "",
    ],
)
def test_a_url_that_names_no_file_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(BrokerRefused, match=r"sqlite:///relative/path\.db"):
        parse(url, HERE)


@pytest.mark.parametrize(
    ("query", "synchronous"),
    [("", "full"), ("?synchronous=normal", "normal"), ("?synchronous=FULL", "full")],
)
def test_commits_are_pressed_to_the_disk_unless_it_is_said(query: str, synchronous: str) -> None:
    assert parse(f"sqlite:///jobs.db{query}", HERE).synchronous == synchronous


@pytest.mark.parametrize(
    "query", ["synchronous=off", "synchronous=", "mode=ro", "synchronous=full&x=1"]
)
def test_an_option_that_is_not_known_is_refused(query: str) -> None:
    with pytest.raises(BrokerRefused, match="synchronous"):
        parse(f"sqlite:///jobs.db?{query}", HERE)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/jobs.db",
        "sqlite:////var/jobs.db?synchronous=normal",
        "sqlite:///50%25 of%3Fit#.db".replace("#", "%23"),
    ],
)
def test_an_anchored_url_names_the_same_file_from_everywhere(url: str) -> None:
    anchored = anchored_url(url, HERE)
    assert anchored.startswith("sqlite:////")
    assert parse(anchored, Path("/elsewhere")) == parse(url, HERE)
