"""What the URL of a Redis broker says."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from stoker.jobs.errors import BrokerRefused

PORT = 6379
SENTINEL_PORT = 26379
_FILES = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile"}
"""Parameters of `rediss://`, and the names by which the driver takes them."""
_LOGIN = {"sentinel_username": "username", "sentinel_password": "password"}
"""Parameters of `redis+sentinel://`, likewise."""
_KNOWN = {
    "redis": (),
    "rediss": tuple(_FILES),
    "redis+sentinel": tuple(_LOGIN),
    "redis+cluster": (),
    "rediss+cluster": tuple(_FILES),
}

Place = tuple[str, int]
"""Host and port."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, or who knows where; and as whom."""

    place: Place = ("127.0.0.1", PORT)
    nodes: tuple[Place, ...] = ()
    """Some of a cluster's, which know of all the others."""
    sentinels: tuple[Place, ...] = ()
    service: str = ""
    """By what name the sentinels know the server."""
    database: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """For messages: without a password."""
        if self.nodes:
            return f"of the cluster {_list(self.nodes)}"
        if self.sentinels:
            return f"{self.service!r} (known to {_list(self.sentinels)})"
        return _text(self.place)

    def at(self, place: Place) -> "Address":
        """One server of the cluster, asked as all are."""
        return msgspec.structs.replace(self, place=place, nodes=())

    def options(self) -> dict[str, Any]:
        """As the driver takes them."""
        options: dict[str, Any] = {
            "host": self.place[0],
            "port": self.place[1],
            "db": self.database,
            "username": self.username,
            "password": self.password,
        }
        files = {_FILES[name]: value for name, value in self.parameters if name in _FILES}
        return options | files

    def sentinel_options(self) -> dict[str, str]:
        """What the driver needs besides, to ask the sentinels."""
        return {_LOGIN[name]: value for name, value in self.parameters if name in _LOGIN}


def _text(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _list(places: tuple[Place, ...]) -> str:
    return ", ".join(map(_text, places))


def parse(url: str) -> Address:
    """Raises BrokerRefused, without showing a password, for what names no server."""
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
        where = _WHERE.get(parts.scheme, _server)(parts)
    except ValueError as error:
        raise BrokerRefused(f"the broker URL does not parse: {error}") from None
    known = _KNOWN[parts.scheme]
    for name, _ in parameters:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise BrokerRefused(f"{name!r} is no parameter of {parts.scheme}:// (there are: {allowed})")
    return msgspec.structs.replace(
        where,
        username=unquote(parts.username) if parts.username else None,
        password=None if parts.password is None else unquote(parts.password),
        tls=parts.scheme.startswith("rediss"),
        parameters=tuple(sorted(parameters)),
    )


def _server(parts: SplitResult) -> Address:
    place = parts.hostname or "127.0.0.1", PORT if parts.port is None else parts.port
    return Address(place=place, database=_database(parts.path.strip("/")))


def _sentinels(parts: SplitResult) -> Address:
    hosts = _hosts(parts)
    service, _, database = parts.path.strip("/").partition("/")
    if not hosts or not service:
        raise BrokerRefused(
            "redis+sentinel:// names sentinels and the service that they watch: "
            "redis+sentinel://host1,host2,host3/service, with a database behind it if it is not 0"
        )
    return Address(
        sentinels=_places(hosts, SENTINEL_PORT),
        service=unquote(service),
        database=_database(database),
    )


def _cluster(parts: SplitResult) -> Address:
    hosts = _hosts(parts)
    if not hosts or parts.path.strip("/") not in ("", "0"):
        raise BrokerRefused(
            f"{parts.scheme}:// names some nodes of a cluster, which has no databases: "
            f"{parts.scheme}://host1:{PORT},host2:{PORT}"
        )
    return Address(nodes=_places(hosts, PORT))


_WHERE = {"redis+sentinel": _sentinels, "redis+cluster": _cluster, "rediss+cluster": _cluster}


def _hosts(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _places(hosts: str, port: int) -> tuple[Place, ...]:
    return tuple(_place(host, port) for host in hosts.split(","))


def _place(text: str, port: int) -> Place:
    parts = urlsplit(f"//{text}")
    if parts.hostname is None:
        raise ValueError(f"{text!r} is no host")
    return parts.hostname, port if parts.port is None else parts.port


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise BrokerRefused(
            f"a Redis database is a number, not {text!r}: redis://host:{PORT}/0 is the usual one"
        )
    return int(text or 0)
