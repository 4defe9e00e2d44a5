"""From a broker's URL to the broker."""

import importlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, MissingExtra

_SCHEMES = {
    "memory": ("stoker.brokers.memory", "MemoryBroker", None),
    "postgres": ("stoker.brokers.postgres", "PostgresBroker", "postgres"),
    "postgresql": ("stoker.brokers.postgres", "PostgresBroker", "postgres"),
    "redis": ("stoker.brokers.redis", "RedisBroker", "redis"),
    "rediss": ("stoker.brokers.redis", "RedisBroker", "redis"),
    "redis+sentinel": ("stoker.brokers.redis", "RedisBroker", "redis"),
    "redis+cluster": ("stoker.brokers.redis", "RedisBroker", "redis"),
    "rediss+cluster": ("stoker.brokers.redis", "RedisBroker", "redis"),
    "sqlite": ("stoker.brokers.sqlite", "SqliteBroker", None),
}
"""Scheme to the module and class that serve it, and the extra that its driver comes with. A broker's
driver is imported only when its scheme is asked for."""

_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&#]*", re.IGNORECASE)


def connect(
    url: str,
    *,
    relative_to: Path | None = None,
    create: bool = False,
    max_log_entries: int = 1000,
    offset: Offset | None = None,
) -> Broker:
    """The broker for this URL, not yet entered.

    A relative SQLite path is relative to `relative_to` (the working directory without it). `create`
    allows a database that is not there to be made. `offset` is for tests.
    Raises BrokerRefused for a URL that does not parse or a scheme that nothing serves.
    """
    scheme = _scheme(url)
    module, name, extra = _SCHEMES[scheme]
    try:
        served_by = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if extra is None:
            raise
        raise MissingExtra(f"a {scheme}:// broker", extra) from error
    broker: Broker = served_by.from_url(
        url,
        relative_to=relative_to or Path.cwd(),
        create=create,
        max_log_entries=max_log_entries,
        offset=offset or Offset(),
    )
    return broker


def anchored(url: str, relative_to: Path) -> str:
    """The same URL, with a relative SQLite path made absolute; any other URL as it is.

    Raises BrokerRefused as `connect` does, without importing a driver.
    """
    if _scheme(url) != "sqlite":
        return url
    from stoker.brokers.sqlite.address import anchored_url

    return anchored_url(url, relative_to)


def migrations(url: str) -> list[str]:
    """The SQL of every step that prepares the store of this URL, in order; empty if it has none."""
    name = f"{_SCHEMES[_scheme(url)][0]}.migrating"
    try:
        migrating = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return []
    return [step.sql for step in migrating.steps()]


def _scheme(url: str) -> str:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise BrokerRefused(f"broker URL {url!r} does not parse: {error}") from None
    if scheme not in _SCHEMES:
        known = ", ".join(f"{name}://" for name in sorted(_SCHEMES))
        # No more of it is shown than needs be: there may be a password in the rest.
        begin = f"{scheme}://…" if "://" in url else url
        raise BrokerRefused(f"broker URL {begin!r} begins with none of {known}")
    return scheme


def without_password(url: str) -> str:
    """The same URL, fit for logs: a password, and a parameter that is one, is written as `***`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    if parts.password is not None:
        user, _, host = parts.netloc.rpartition("@")
        url = parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}").geturl()
    return _SECRET_PARAMETER.sub(r"\g<1>***", url)
