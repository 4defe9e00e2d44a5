"""What the URL of a Redis broker says."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from stoker.jobs.errors import BrokerRefused

PORT = 6379
_FILES = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile"}
"""Parameters of `rediss://`, and the names by which the driver takes them."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, and as whom."""

    host: str = "127.0.0.1"
    port: int = PORT
    database: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    files: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """For messages: without the password."""
        return f"{self.host}:{self.port}"

    def options(self) -> dict[str, Any]:
        """As the driver takes them."""
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "db": self.database,
            "username": self.username,
            "password": self.password,
        }
        return options | {_FILES[name]: path for name, path in self.files}


def parse(url: str) -> Address:
    """Raises BrokerRefused, without showing a password, for what names no server."""
    try:
        parts = urlsplit(url)
        host, port, query = (
            parts.hostname,
            parts.port,
            dict(parse_qsl(parts.query, strict_parsing=True)),
        )
    except ValueError as error:
        if "?" in url or "bad query" not in str(error):
            raise BrokerRefused(f"the broker URL does not parse: {error}") from None
        host, port, query = parts.hostname, parts.port, {}
    tls = parts.scheme == "rediss"
    known = sorted(_FILES) if tls else []
    for name in query:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise BrokerRefused(f"{name!r} is no parameter of {parts.scheme}:// (there are: {allowed})")
    return Address(
        host=host or "127.0.0.1",
        port=PORT if port is None else port,
        database=_database(parts.path),
        username=None if not parts.username else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=tls,
        files=tuple(sorted(query.items())),
    )


def _database(path: str) -> int:
    text = path.strip("/")
    if text and not (text.isascii() and text.isdigit()):
        raise BrokerRefused(
            f"a Redis database is a number, not {text!r}: redis://host:{PORT}/0 is the usual one"
        )
    return int(text or 0)
