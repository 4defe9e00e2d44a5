"""A configuration, flat and fit to be shown."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from stoker.brokers.connecting import without_password
from stoker.daemon.configuration.configuration import Configuration
from stoker.jobs.durations import text


def displayed(configuration: Configuration) -> dict[str, Any]:
    """Every key with its value, as plain as JSON has it.

    Passwords in URLs are masked; so is the whole of a value that stood in a file of its own, unless it
    is a URL.
    """
    tree = msgspec.to_builtins(configuration.settings)
    values: dict[str, Any] = {}
    for key in configuration.sources:
        value = _at(tree, key)
        if isinstance(value, str):
            value = without_password(value)
            if key in configuration.secrets and "://" not in value:
                value = "***"
        values[key] = value
    return values


def in_words(value: Any) -> str:
    """A value as a person would write it in YAML. Every float is a duration."""
    if isinstance(value, float):
        return text(value).replace(" ", "")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _at(tree: Mapping[str, Any], key: str) -> Any:
    value: Any = tree
    for name in key.split("."):
        value = value[name]
    return value
