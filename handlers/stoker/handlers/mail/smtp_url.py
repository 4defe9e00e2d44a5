"""Where mails are handed in: the SMTP server, from a URL."""

from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from stoker.jobs.errors import ConfigError

VARIABLE = "STOKER_SMTP_URL"
EXAMPLE = "smtp+starttls://user:password@mail.example.org:587"

Security = Literal["auto", "starttls", "tls", "none"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("auto", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("none", 25),
}
_OPTIONS = frozenset({"timeout", "connections", "verify", "ca"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and how to talk to it."""

    host: str
    port: int
    security: Security = "auto"
    """tls: from the first byte. starttls: required. auto: if the server offers it. none: never."""
    user: str | None = None
    password: str | None = None
    timeout: float = 30.0
    """Seconds that the server may take for each answer."""
    connections: int = 4
    """At most so many at once from this process."""
    verify: bool = True
    """Whether the server's certificate must be good."""
    ca: str | None = None
    """A file of certificates to trust instead of the system's."""

    @property
    def place(self) -> str:
        """What errors call it; never with the password."""
        return f"{self.host}:{self.port}"


def parse_smtp_url(url: str) -> SmtpServer:
    """The server of `smtp://`, `smtp+starttls://`, `smtps://` or `smtp+plain://user:pass@host:port`.

    Options: `?timeout=30&connections=4&verify=no&ca=/path`. A password is never sent in the clear to
    another host: with one, `smtp://` requires STARTTLS. Raises ConfigError; it shows no password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{VARIABLE} does not parse ({error}): write it like {EXAMPLE}") from None
    if parts.scheme not in _SCHEMES or not host or parts.path not in ("", "/"):
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ConfigError(f"{VARIABLE} must begin with one of {known} and name a host, like {EXAMPLE}")
    security, usual_port = _SCHEMES[parts.scheme]
    user = unquote(parts.username) if parts.username else None
    if user is not None and host not in _LOOPBACK:
        if security == "none":
            raise ConfigError(f"{VARIABLE} would send a password in the clear: use smtp+starttls://")
        security = "starttls" if security == "auto" else security
    return SmtpServer(
        host=host,
        port=port or usual_port,
        security=security,
        user=user,
        password=unquote(parts.password) if parts.password else None,
        **_options(parts.query),
    )


def _options(query: str) -> dict[str, Any]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := set(given) - _OPTIONS:
        raise ConfigError(
            f"{VARIABLE} has an unknown option {min(unknown)!r}: it knows {', '.join(sorted(_OPTIONS))}"
        )
    options: dict[str, Any] = {}
    try:
        if "timeout" in given:
            options["timeout"] = _positive(float(given["timeout"]))
        if "connections" in given:
            options["connections"] = int(_positive(int(given["connections"])))
        if "verify" in given:
            options["verify"] = {"yes": True, "no": False}[given["verify"]]
        if "ca" in given:
            options["ca"] = given["ca"]
    except (ValueError, KeyError):
        raise ConfigError(
            f"{VARIABLE} has an option with a wrong value: timeout and connections are numbers "
            "above 0, verify is yes or no"
        ) from None
    return options


def _positive(value: float) -> float:
    if not 0 < value < 100_000:
        raise ValueError(value)
    return value
