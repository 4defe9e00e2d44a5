"""What a configuration says to producers: where the broker is, and how large a payload may be.

The daemon reads the same file, all of it, and refuses what does not hold. Here three keys are read, and
the others are left to it.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stoker.brokers.connecting import anchored
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.errors import BrokerRefused, ConfigError, MissingExtra
from stoker.jobs.sizes import size

DEFAULT_FILE = "config.yaml"
DEFAULT_BROKER = "sqlite:///var/stoker.db"
PREFIX = "STOKER__"


class Configured(msgspec.Struct, frozen=True):
    """What a client needs."""

    broker: str
    """A relative SQLite path has been made absolute."""
    max_payload: int = MAX_PAYLOAD


class Source(msgspec.Struct, frozen=True):
    """Where keys stand: in a file, or in the environment."""

    place: str
    keys: Mapping[str, Any]
    folder: Path
    """What paths are relative to."""
    prefix: str = ""

    def named(self, key: str) -> str:
        """The key as it is written there, and where that is."""
        return f"{self.place}: {self.prefix}{key.upper() if self.prefix else key}"


def configured(path: str | Path | None, environment: Mapping[str, str]) -> Configured:
    """From the file, if it is there, with the environment over it.

    Without a path it is config.yaml in the working directory, where there is one. Raises ConfigError,
    saying where and what would be right, and MissingExtra if there is a file and no library to read it.
    """
    sources = [_environment(environment)]
    folder, file = Path.cwd(), Path(path or DEFAULT_FILE)
    if path is not None or file.exists():
        sources.append(_file(file))
        folder = sources[-1].folder
    brokers = (url for source in sources if (url := _broker(source)) is not None)
    sizes = (limit for source in sources if (limit := _max_payload(source)) is not None)
    return Configured(
        broker=next(brokers, None) or anchored(DEFAULT_BROKER, folder),
        max_payload=next(sizes, MAX_PAYLOAD),
    )


def _environment(environment: Mapping[str, str]) -> Source:
    keys = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value
    }
    return Source("environment", keys, Path.cwd(), PREFIX)


def _file(path: Path) -> Source:
    try:
        # By its name only, because a thin client comes without it.
        yaml = importlib.import_module("yaml")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading {path}", "daemon") from error
    text = _text(path, "the configuration")
    try:
        keys = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: this is no YAML ({_line(error)})") from None
    if keys is None:
        keys = {}
    if not isinstance(keys, dict):
        raise ConfigError(f"{path}: the configuration is a mapping such as `broker: {DEFAULT_BROKER}`")
    return Source(str(path), keys, path.absolute().parent)


def _broker(source: Source) -> str | None:
    url, file = source.keys.get("broker"), source.keys.get("broker_file")
    folder = source.folder
    if url is not None and file is not None:
        raise ConfigError(
            f"{source.named('broker')} and {source.prefix or ''}"
            f"{'BROKER_FILE' if source.prefix else 'broker_file'} are both given: keep one of them"
        )
    if file is not None:
        if not isinstance(file, str) or not file:
            raise ConfigError(f"{source.named('broker_file')} is the path of a file, not {file!r}")
        path = folder / file
        url, folder = _text(path, source.named("broker_file")).strip(), path.parent
        if not url:
            raise ConfigError(f"{source.named('broker_file')}: {path} is empty")
    if url is None:
        return None
    if not isinstance(url, str) or not url:
        raise ConfigError(f"{source.named('broker')} is a URL such as {DEFAULT_BROKER}, not {url!r}")
    try:
        return anchored(url, folder)
    except BrokerRefused as error:
        raise ConfigError(f"{source.named('broker')}: {error}") from None


def _max_payload(source: Source) -> int | None:
    value = source.keys.get("max_payload")
    if value is None:
        return None
    try:
        return size(value)
    except ValueError as error:
        raise ConfigError(f"{source.named('max_payload')}: {error}") from None


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(f"{what}: {path} cannot be read: {reason}") from None


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())
