"""Reading the files of a configuration: its own, and those that hold secrets."""

from pathlib import Path

from stoker.jobs.errors import ConfigError


def contents(file: Path) -> str:
    """The text of a configuration file. Raises ConfigError if there is none."""
    try:
        return _text(file)
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {file}") from None
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the configuration file {file} cannot be read: {_why(error)}") from None


def secret(file: Path) -> str:
    """The text of a file that holds one value; white space around it is dropped.

    Raises ConfigError, whose text follows the name of the key.
    """
    try:
        text = _text(file).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"names {file}, which cannot be read: {_why(error)}") from None
    if not text:
        raise ConfigError(f"names {file}, which is empty")
    return text


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig")


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is not encoded as UTF-8" if isinstance(error, UnicodeError) else str(error)
