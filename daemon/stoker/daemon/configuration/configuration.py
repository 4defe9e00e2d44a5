"""What loading a configuration gives."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from stoker.daemon.settings import Settings


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that hold, and where each of them came from."""

    settings: Settings
    """`broker` is absolute."""
    relative_to: Path
    """The folder that the other paths in the settings are relative to: the configuration file's, or
    the working directory without one."""
    sources: Mapping[str, str]
    """For each key, dotted as in `web.port`: "default", a file with its line, an environment
    variable, or an argument."""
    secrets: frozenset[str] = frozenset()
    """Keys whose values stood in files of their own."""
    file: Path | None = None

    def place(self, key: str) -> str:
        """How errors about this key begin: where it was set, if anywhere, and its name."""
        source = self.sources.get(key, DEFAULT)
        return key if source == DEFAULT else f"{source}: {key}"


DEFAULT = "default"
"""The source of a value that nobody gave."""
