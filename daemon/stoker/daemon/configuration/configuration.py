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

    def located(self, key: str, text: str) -> str:
        """The text of an error that is due to this key, with the place in front where it was set."""
        source = self.sources[key]
        return text if source == DEFAULT else f"{source}: {text}"


DEFAULT = "default"
"""The source of a value that nobody gave."""
