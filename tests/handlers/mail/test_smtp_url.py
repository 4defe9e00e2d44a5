import pytest

from stoker.handlers.mail.smtp_url import parse_smtp_url
from stoker.jobs.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("smtp://mail.example.org", "auto", 25),
        ("smtp+starttls://mail.example.org", "starttls", 587),
        ("smtps://mail.example.org", "tls", 465),
        ("smtp+plain://mail.example.org:2525", "none", 2525),
    ],
)
def test_the_scheme_says_how_the_connection_is_secured(url: str, security: str, port: int) -> None:
    server = parse_smtp_url(url)
    assert (server.security, server.port, server.host) == (security, port, "mail.example.org")


def test_user_and_password_are_unquoted() -> None:
    server = parse_smtp_url("smtps://a%40b:p%2Fw%3A@mail.example.org")
    assert (server.user, server.password) == ("a@b", "p/w:")


def test_a_password_for_another_host_requires_starttls() -> None:
    assert parse_smtp_url("smtp://u:p@mail.example.org").security == "starttls"


def test_a_password_in_the_clear_to_another_host_is_refused() -> None:
    with pytest.raises(ConfigError, match="in the clear"):
        parse_smtp_url("smtp+plain://u:p@mail.example.org")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://h:99999",
        "smtp://h/path",
        "smtp://h?colour=red",
        "smtp://h?timeout=soon",
        "smtp://h?connections=0",
        "smtp://h?verify=maybe",
    ],
)
def test_a_wrong_url_is_refused_and_named(url: str) -> None:
    with pytest.raises(ConfigError, match="STOKER_SMTP_URL"):
        parse_smtp_url(url)


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_smtp_url("smtp://u:hunter2@mail.example.org:port")
    assert "hunter2" not in str(caught.value)
