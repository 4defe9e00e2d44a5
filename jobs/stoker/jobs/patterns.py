"""Names of queues and types, and patterns over them."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
"""What a queue or a type may be called: 1 to 128 letters, digits and `_ . : -`."""
_PATTERN = re.compile(r"!?[A-Za-z0-9_.:*?-]{1,129}")


def is_name(text: str) -> bool:
    """Whether this can name a queue or a type."""
    return NAME.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """Whether this can stand among the patterns of a `QueueSet`."""
    return _PATTERN.fullmatch(text) is not None


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether the name fits one of these patterns (`*` and `?`, letter case counts)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class QueueSet(msgspec.Struct, frozen=True):
    """Which queues a lane works: the names that fit a pattern and none of the exclusions."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    @classmethod
    def parse(cls, patterns: Sequence[str]) -> "QueueSet":
        """From `["mail", "reports.*", "!reports.big"]`; only exclusions mean all but those."""
        for pattern in patterns:
            if not is_pattern(pattern):
                raise ValueError(f"{pattern!r} is no queue name or pattern")
        exclude = tuple(pattern[1:] for pattern in patterns if pattern.startswith("!"))
        include = tuple(pattern for pattern in patterns if not pattern.startswith("!"))
        return cls(include or ("*",), exclude)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and matches(name, self.include) and not matches(name, self.exclude)
