"""What the shipped handlers are told by the environment."""

import os
from pathlib import Path

from stoker.jobs.errors import ConfigError


def setting(name: str) -> str | None:
    """The variable, or the contents of the file that `<name>_FILE` names; None without either.

    The file is for secrets (systemd credentials, container secrets); white space around is dropped.
    """
    if value := os.environ.get(name, "").strip():
        return value
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ConfigError(f"{name}_FILE names a file that cannot be read: {error}") from error


def required(name: str, example: str) -> str:
    """The same, for what must be there. Raises ConfigError that says what to set."""
    value = setting(name)
    if value is None:
        raise ConfigError(f"{name} is not set: give it, for example {name}={example}")
    return value
