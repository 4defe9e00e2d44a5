"""Statements and scripts live in files, one per verb; here a folder of them becomes a typed struct."""

from collections.abc import Callable
from importlib.resources.abc import Traversable
from typing import TypeVar

import msgspec

from stoker.jobs.errors import BrokerRefused

T = TypeVar("T", bound=msgspec.Struct)


def load(
    kind: type[T], folder: Traversable, suffix: str, prepare: Callable[[str, str], str] | None = None
) -> T:
    """A struct whose every field holds the text of the file of its name.

    `prepare` is given a name and its text, and returns what to keep. Raises BrokerRefused, naming
    what is missing or left over, so that a broken installation shows at start and not at night.
    """
    found = {
        file.name.removesuffix(suffix): file for file in folder.iterdir() if file.name.endswith(suffix)
    }
    wanted = set(kind.__struct_fields__)
    if missing := sorted(wanted - found.keys()):
        raise BrokerRefused(f"{folder} lacks {', '.join(name + suffix for name in missing)}")
    if extra := sorted(found.keys() - wanted):
        raise BrokerRefused(
            f"{folder} holds {', '.join(name + suffix for name in extra)}, used nowhere"
        )
    texts = {name: found[name].read_text(encoding="utf-8") for name in sorted(wanted)}
    if prepare is not None:
        texts = {name: prepare(name, text) for name, text in texts.items()}
    return kind(**texts)
