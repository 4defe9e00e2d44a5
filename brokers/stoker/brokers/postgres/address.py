"""What a postgresql:// URL says."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from stoker.jobs.errors import BrokerRefused

CONNECTIONS = 8
"""How many connections one broker opens at most, beside the one that listens."""
_DEFAULTS = {
    "application_name": "stoker",
    "connect_timeout": "5",
    # A server that has gone without a word is noticed within half a minute, however long a call may be.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}


class Address(msgspec.Struct, frozen=True):
    """Where the server is, as libpq wants to hear it."""

    parameters: dict[str, str]
    listen: dict[str, str]
    """For the connection that listens: not through a pooler, which would swallow what it hears."""
    connections: int = CONNECTIONS

    @property
    def shown(self) -> str:
        """Fit for a message: no password in it."""
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "its socket"
        port = self.parameters.get("port", "5432")
        return f"the Postgres database {self.parameters.get('dbname', '')!r} at {host}:{port}"


def parse(url: str) -> Address:
    """Raises BrokerRefused for a URL that libpq does not understand, or an option of ours that is none.

    Of the options behind the question mark, `listen` (the URL of a direct connection, where this one
    goes through a pooler) and `connections` are ours; the rest is libpq's, such as `sslmode`.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    listen, connections = options.pop("listen", None), options.pop("connections", str(CONNECTIONS))
    if not connections.isdecimal() or not 1 <= int(connections) <= 1000:
        raise BrokerRefused(f"connections={connections} in the broker URL lies not between 1 and 1000")
    parameters = _parameters(parts._replace(query=urlencode(options)).geturl())
    return Address(
        parameters=parameters,
        listen=parameters if listen is None else _parameters(listen),
        connections=int(connections),
    )


def _parameters(url: str) -> dict[str, str]:
    try:
        found = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise BrokerRefused(f"the broker URL is none that Postgres understands: {error}") from None
    return {**_DEFAULTS, **{name: str(value) for name, value in found.items() if value is not None}}
