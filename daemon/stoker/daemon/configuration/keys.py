"""Every key there is, derived from the settings' own fields."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from stoker.daemon.configuration import values
from stoker.daemon.configuration.values import Kind
from stoker.daemon.settings import DEFAULT_RETENTION, Section, Settings
from stoker.jobs.state import FINAL, State

Path = tuple[str, ...]
"""A key's name with those of the sections around it."""


class Key(msgspec.Struct, frozen=True):
    """Something that can be configured."""

    kind: Kind
    default: Any


class Keys:
    """All keys of config.yaml, by path."""

    def __init__(self) -> None:
        self._keys: Mapping[Path, Key] = dict(_keys(Settings, ()))

    def __iter__(self) -> Iterator[Path]:
        return iter(self._keys)

    def items(self) -> Iterable[tuple[Path, Key]]:
        return self._keys.items()

    def get(self, path: Path) -> Key | None:
        return self._keys.get(path)

    def is_known(self, path: Path) -> bool:
        """Whether this is a key, a key's `…_file`, or a section."""
        return path in self._keys or self.text_behind(path) is not None or bool(self.within(path))

    def takes_text(self, path: Path) -> bool:
        """Whether a text given for this path, in the environment say, is taken as it stands."""
        key = self._keys.get(path)
        return (key is not None and key.kind.is_text) or self.text_behind(path) is not None

    def text_behind(self, path: Path) -> Path | None:
        """Of `web.host_file`, the path of `web.host`; None if that takes no text or is none."""
        *above, name = path
        target = (*above, name.removesuffix("_file"))
        key = self._keys.get(target)
        return target if target != path and key is not None and key.kind.is_text else None

    def within(self, path: Path) -> list[str]:
        """The names in this section, in order; empty if it is none."""
        depth = len(path)
        inside = (key[depth] for key in self._keys if len(key) > depth and key[:depth] == path)
        return list(dict.fromkeys(inside))

    def instead_of(self, path: Path) -> str:
        """What may have been meant by a path that is not there."""
        *above, name = path
        siblings = self.within(tuple(above))
        elsewhere = {key[-1]: key for key in self._keys if len(key) > 1}
        if close := get_close_matches(name, siblings, 1):
            return f"perhaps {'.'.join((*above, close[0]))}"
        if name in elsewhere and not above:
            return f"perhaps {'.'.join(elsewhere[name])}"
        if siblings and above:
            return f"{'.'.join(above)} has {', '.join(siblings)}"
        if tuple(above) in self._keys:
            return f"{'.'.join(above)} is given as a whole"
        return "`stoker config` lists them all"


def _keys(section: type[Section], above: Path) -> Iterator[tuple[Path, Key]]:
    for field in msgspec.structs.fields(section):
        path = (*above, field.name)
        if field.name == "retention":
            yield from _retention(path)
        elif isinstance(field.type, type) and issubclass(field.type, Section):
            yield from _keys(field.type, path)
        else:
            yield path, Key(_SPECIAL.get(field.name) or _kind(field.type), _default(field))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _retention(path: Path) -> Iterator[tuple[Path, Key]]:
    for state in State:
        if state in FINAL:
            keep = DEFAULT_RETENTION[state]
            yield (*path, str(state), "age"), Key(values.optional(values.duration(zero=True)), keep.age)
            yield (*path, str(state), "count"), Key(values.optional(values.number(0)), keep.count)


_SPECIAL = {
    "queues": values.queues(),
    "handlers": values.lines("module", "app.jobs"),
    "middleware": values.lines("function", "'app.tracing:trace'"),
    "cron": values.schedules(),
    "max_payload": values.size(1024),
}


def _kind(annotation: Any) -> Kind:
    """The kind of value for a field of this type."""
    if get_origin(annotation) is Literal:
        return values.choice(get_args(annotation))
    match inspect.type_info(annotation):
        case inspect.StrType():
            return values.line()
        case inspect.BoolType():
            return values.flag()
        case inspect.IntType(ge=least, le=most):
            return values.number(least or 0, most)
        case inspect.FloatType(ge=least):
            return values.duration(zero=least == 0)
        case inspect.UnionType(types=(inspect.StrType(), inspect.NoneType())):
            return values.optional(values.line())
    raise AssertionError(f"no kind of value for {annotation}")
