"""From a file, the environment and arguments to a configuration that holds, or to what is wrong."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stoker.brokers.connecting import anchored
from stoker.daemon.configuration import keys
from stoker.daemon.configuration.configuration import DEFAULT, Configuration
from stoker.daemon.configuration.contradictions import contradictions
from stoker.daemon.configuration.keys import Keys
from stoker.daemon.configuration.layers import Layer, Reading
from stoker.daemon.configuration.values import BadEntry
from stoker.daemon.settings import Log, Settings, Web
from stoker.jobs.errors import BrokerRefused, ConfigError
from stoker.jobs.operating import Keep
from stoker.jobs.state import State

FILE = "config.yaml"
"""What is read in the working directory if no file is named."""


def load(
    file: Path | None = None,
    *,
    arguments: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Configuration:
    """The configuration in this file, with the environment over it, and arguments over both.

    Without `file`, config.yaml in the working directory is read if it is there. `arguments` are by
    dotted key. `environment` and `folder` stand in for the process' own environment and working
    directory. Raises ConfigError with everything that is wrong, a sentence and a line each.
    """
    folder = (folder or Path.cwd()).absolute()
    if file is None and (folder / FILE).exists():
        file = Path(FILE)
    known = Keys()
    reading = Reading(known)
    layer: Layer = {}
    if file is not None:
        layer |= reading.file(folder / file, str(file))
    layer |= reading.environment(os.environ if environment is None else environment, folder)
    layer |= reading.arguments(arguments or {}, folder)
    values = _values(known, layer, reading.problems)
    _refuse(reading.problems)
    configuration = Configuration(
        settings=_settings(values),
        relative_to=folder if file is None else (folder / file).parent,
        sources={".".join(path): layer[path].source if path in layer else DEFAULT for path in known},
        secrets=frozenset(".".join(path) for path, given in layer.items() if given.secret),
        file=None if file is None else folder / file,
    )
    configuration = _anchored(configuration, layer)
    _refuse(contradictions(configuration))
    return configuration


def _values(known: Keys, layer: Layer, problems: list[str]) -> dict[keys.Path, Any]:
    values: dict[keys.Path, Any] = {}
    for path, key in known.items():
        given = layer.get(path)
        if given is None:
            values[path] = key.default
            continue
        try:
            values[path] = key.kind.read(given.value)
        except ValueError as error:
            name, what = ".".join(path), key.kind.problem(given.value, error)
            if given.secret:
                what = f"must be {key.kind.wanted}, unlike what is in the file"
            bad = error.key if isinstance(error, BadEntry) else ""
            problems.append(f"{given.inside.get(bad, given.source)}: {name} {what}")
    return values


def _settings(values: Mapping[keys.Path, Any]) -> Settings:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        section = tree
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = value
    tree["retention"] = {State(state): Keep(**keep) for state, keep in tree["retention"].items()}
    return Settings(**tree | {"web": Web(**tree["web"]), "log": Log(**tree["log"])})


def _anchored(configuration: Configuration, layer: Layer) -> Configuration:
    """Paths that the environment and arguments name are relative to the working directory."""
    settings = configuration.settings

    def folder(name: str) -> Path:
        given = layer.get((name,))
        return configuration.relative_to if given is None else given.folder

    try:
        broker = anchored(settings.broker, folder("broker"))
    except BrokerRefused as error:
        raise ConfigError(configuration.located("broker", str(error))) from None
    app_dir = settings.app_dir
    if folder("app_dir") != configuration.relative_to:
        app_dir = str(folder("app_dir") / app_dir)
    settings = msgspec.structs.replace(settings, broker=broker, app_dir=app_dir)
    return msgspec.structs.replace(configuration, settings=settings)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n".join(problems))
