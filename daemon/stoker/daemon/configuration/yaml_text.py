"""YAML, read so that every value knows its line, and nothing is silently something else."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import yaml

from stoker.jobs.errors import ConfigError


class Node(msgspec.Struct, frozen=True):
    """A value in a YAML text."""

    value: Any
    line: int
    children: "Mapping[str, Node] | None" = None
    """By key, if it is a mapping."""


Place = Callable[[int], str]
"""How errors call a line of a text, by its number."""


def parse(text: str, place: Place) -> Node:
    """The tree of this text. An empty text is null.

    Raises ConfigError for what is no YAML, for a key that stands twice in one mapping, and for numbers
    that mean something else than they look like.
    """
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return Node(None, 1) if root is None else _Tree(loader, place).node(root, ())
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax(error, place)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{place(line)}: the character U+{error.character:04X} is not allowed in YAML"
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


class _Tree:
    """Turns the nodes of one text into ours."""

    def __init__(self, loader: yaml.SafeLoader, place: Place) -> None:
        self._loader = loader
        self._place = place
        self._count = 0

    def node(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Node:
        """`above` are the nodes that this one lies in: one that lies in itself never ends."""
        self._count += 1
        if node in above or len(above) > MAX_DEPTH or self._count > MAX_NODES:
            raise ConfigError(f"{self._at(node)}: this is nested too deeply, or within itself")
        above = (*above, node)
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._mapping(node, above)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return Node([self.node(item, above).value for item in node.value], _line(node))
            case yaml.ScalarNode():
                return self._scalar(node)
            case _:
                raise ConfigError(f"{self._at(node)}: a tag such as {node.tag} has no meaning here")

    def _scalar(self, node: yaml.ScalarNode) -> Node:
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:  # 2026-13-45 looks like a date
            raise ConfigError(f"{self._at(node)}: {node.value}: {error}: quote it") from None
        # YAML 1.1: 1:30 is a number to the base of 60, and 010 one to the base of 8.
        if node.tag in _NUMBERS and _DISGUISED.match(node.value):
            raise ConfigError(
                f"{self._at(node)}: YAML reads {node.value} as {value:g}: write that, or quote it"
            )
        return Node(value, _line(node))

    def _mapping(self, node: yaml.MappingNode, above: tuple[yaml.Node, ...]) -> Node:
        self._refuse_twice(node)
        self._loader.flatten_mapping(node)  # `<<`: what is merged in comes first, and gives way
        children = {}
        for key, value in node.value:
            child = self.node(value, above)
            children[key.value] = Node(child.value, _line(key), child.children)
        return Node({name: child.value for name, child in children.items()}, _line(node), children)

    def _refuse_twice(self, node: yaml.MappingNode) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _KEY_TAGS:
                what = key.value if isinstance(key, yaml.ScalarNode) else "this"
                raise ConfigError(
                    f"{self._at(key)}: {what} is no text to YAML, as a key must be: quote it"
                )
            if key.value in lines:
                raise ConfigError(
                    f"{self._at(key)}: {key.value} stands here for the second time, "
                    f"after line {lines[key.value]}: keep one of them"
                )
            lines[key.value] = _line(key)

    def _at(self, node: yaml.Node) -> str:
        return self._place(_line(node))


MAX_DEPTH = 20
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_KEY_TAGS = (f"{_TAG}str", f"{_TAG}merge")
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")
_DISGUISED = re.compile(r"[-+]?(0[0-9_]+$|[0-9_]+:)")

_HINTS = (
    ("flow sequence", "close the list with ], and quote a text that begins with !"),
    ("alias", "a text that begins with * or & must be quoted"),
    ("constructor for the tag", "a text that begins with ! must be quoted"),
    ("'\\t'", "indent with spaces"),
    ("cannot start any token", "a text that begins with such a character must be quoted"),
    ("mapping values are not allowed", "a text with a colon and a space in it must be quoted"),
    ("expected a single document", "one document is enough"),
)
"""By a piece of what the parser says: what probably has to be done about it."""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax(error: yaml.MarkedYAMLError, place: Place) -> str:
    mark = error.problem_mark or error.context_mark
    where = place(1 if mark is None else mark.line + 1)
    said = " ".join(" ".join(part for part in (error.context, error.problem) if part).split())
    hint = next((f": {hint}" for piece, hint in _HINTS if piece in said), "")
    return f"{where}: this is no YAML ({said}){hint}"
