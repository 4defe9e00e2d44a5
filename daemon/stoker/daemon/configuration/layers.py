"""Where values come from: a file, the environment, arguments. Each is read into one flat layer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from stoker.daemon.configuration import files, keys, yaml_text
from stoker.daemon.configuration.keys import Keys
from stoker.daemon.configuration.values import shown
from stoker.daemon.configuration.yaml_text import Node
from stoker.jobs.errors import ConfigError

PREFIX = "STOKER__"


class Given(msgspec.Struct, frozen=True):
    """A value that somebody gave for a key, as YAML made it."""

    value: Any
    source: str
    folder: Path
    """What a path in it is relative to."""
    secret: bool = False
    """It stood in a file of its own."""
    inside: Mapping[str, str] = {}
    """Of a mapping, the source of each entry."""


Layer = dict[keys.Path, Given]


class Reading:
    """Reads layers, and notes in `problems` what does not belong into them."""

    def __init__(self, known: Keys) -> None:
        self.problems: list[str] = []
        self._known = known

    def file(self, file: Path, name: str) -> Layer:
        """The values in this file, which errors call `name`.

        Raises ConfigError if it cannot be read or is no YAML.
        """

        def place(line: int) -> str:
            return f"{name}:{line}"

        root = yaml_text.parse(files.contents(file), place)
        if root.children is None and root.value is not None:
            raise ConfigError(
                f"{place(root.line)}: a configuration is a mapping of keys to values, as `lease: 15s`"
            )
        layer = _Collecting(self._known, place, file.parent, self.problems)
        layer.take_all(root, ())
        return layer.values

    def environment(self, variables: Mapping[str, str], folder: Path) -> Layer:
        """The values of all variables that begin with `STOKER__`; an empty one is none."""
        layer: Layer = {}
        given = [(name, text) for name, text in variables.items() if name.startswith(PREFIX) and text]
        # A whole section first, so that a single key in it goes over it.
        for name, text in sorted(given, key=lambda each: each[0].count("__")):
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            self._text(path, text, name, folder, layer)
        return layer

    def arguments(self, given: Mapping[str, str], folder: Path) -> Layer:
        """The values of command-line arguments, by dotted key."""
        layer: Layer = {}
        for name, text in given.items():
            option = f"--{name.replace('.', '-').replace('_', '-')}"
            self._text(tuple(name.split(".")), text, option, folder, layer)
        return layer

    def _text(self, path: keys.Path, text: str, source: str, folder: Path, layer: Layer) -> None:
        """A value given as text: of a key that takes text as it stands, else as YAML."""
        if self._known.takes_text(path) or not self._known.is_known(path):
            node = Node(text, 1)
        else:
            try:
                node = yaml_text.parse(text, lambda line: source)
            except ConfigError as error:
                self.problems.append(str(error))
                return
        _Collecting(self._known, lambda line: source, folder, self.problems, layer).take(path, node)


class _Collecting:
    """Takes nodes of one text apart, down to keys."""

    def __init__(
        self,
        known: Keys,
        place: Callable[[int], str],
        folder: Path,
        problems: list[str],
        values: Layer | None = None,
    ) -> None:
        self.values: Layer = {} if values is None else values
        self._known = known
        self._place = place
        self._folder = folder
        self._problems = problems

    def take_all(self, node: Node, above: keys.Path) -> None:
        for name, child in (node.children or {}).items():
            self.take((*above, name), child)

    def take(self, path: keys.Path, node: Node) -> None:
        source = self._place(node.line)
        if self._known.get(path) is not None:
            children = node.children or {}
            inside = {name: self._place(child.line) for name, child in children.items()}
            self._put(path, Given(node.value, source, self._folder, inside=inside))
        elif (target := self._known.text_behind(path)) is not None:
            self._take_secret(path, target, node.value, source)
        elif names := self._known.within(path):
            self._take_section(path, node, names, source)
        else:
            meant = self._known.instead_of(path)
            self._problems.append(f"{source}: there is no key {'.'.join(path)}: {meant}")

    def _take_section(self, path: keys.Path, node: Node, inside: list[str], source: str) -> None:
        is_keep = "age" in inside
        if node.children is not None:
            self.take_all(node, path)
        elif is_keep and isinstance(node.value, str | int | float):
            # `completed: 24h` is short for `completed: {age: 24h}`
            self._put((*path, "age"), Given(node.value, source, self._folder))
        elif is_keep or node.value is not None:  # else it is `web:` with all its keys commented out
            duration = "a duration, or " if is_keep else ""
            self._problems.append(
                f"{source}: {'.'.join(path)} must be {duration}a mapping of {', '.join(inside)}, "
                f"not {shown(node.value)}"
            )

    def _take_secret(self, path: keys.Path, target: keys.Path, value: Any, source: str) -> None:
        place = f"{source}: {'.'.join(path)}"
        if not isinstance(value, str) or not value.strip():
            self._problems.append(f"{place} must be the path of a file, not {shown(value)}")
            return
        file = self._folder / value.strip()
        try:
            text = files.secret(file)
        except ConfigError as error:
            self._problems.append(f"{place} {error}")
            return
        self._put(target, Given(text, source, file.parent, secret=True))

    def _put(self, path: keys.Path, given: Given) -> None:
        if (other := self.values.get(path)) is not None and other.secret != given.secret:
            name = ".".join(path)
            self._problems.append(f"{given.source}: give {name} or {name}_file, not both")
        self.values[path] = given
