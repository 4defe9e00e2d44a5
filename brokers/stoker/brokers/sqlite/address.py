"""What a sqlite:// URL says."""

from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec

from stoker.jobs.errors import BrokerRefused

_HINT = "write sqlite:///relative/path.db, or sqlite:////absolute/path.db with four slashes"
_SYNCHRONOUS = ("full", "normal")


class Address(msgspec.Struct, frozen=True):
    """Where the database is, and how hard each commit is pressed to the disk."""

    path: Path
    synchronous: str = "full"
    """"full": a commit survives a power cut. "normal": it survives a crash of every process, and a
    power cut may take the last ones."""


def parse(url: str, relative_to: Path) -> Address:
    """Raises BrokerRefused, saying what would be right, for a URL that names no file."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BrokerRefused(f"broker URL {url!r} does not parse ({error}): {_HINT}") from None
    if parts.scheme != "sqlite" or parts.netloc or parts.fragment:
        raise BrokerRefused(f"broker URL {url!r} names no file of this host: {_HINT}")
    name = unquote(parts.path.removeprefix("/"))
    if not name or "\0" in name or name.endswith("/") or name == ":memory:":
        raise BrokerRefused(f"broker URL {url!r} names no file: {_HINT}")
    if name.startswith("/"):
        name = "/" + name.lstrip("/")  # two slashes would stand for a host, in SQLite's own URIs
    synchronous = _synchronous(url, dict(parse_qsl(parts.query, keep_blank_values=True)))
    return Address(path=(relative_to / name).absolute(), synchronous=synchronous)


def _synchronous(url: str, options: dict[str, str]) -> str:
    value = options.pop("synchronous", "full").lower()
    if options:
        names = ", ".join(sorted(options))
        raise BrokerRefused(f"broker URL {url!r} has the unknown option {names}: synchronous is known")
    if value not in _SYNCHRONOUS:
        raise BrokerRefused(f"broker URL {url!r}: synchronous is full or normal, not {value!r}")
    return value


def anchored_url(url: str, relative_to: Path) -> str:
    """The URL with the absolute path in it. Raises BrokerRefused as `parse` does."""
    path = parse(url, relative_to).path
    query = urlsplit(url).query
    return f"sqlite:///{quote(str(path))}" + (f"?{query}" if query else "")
