"""Lists as Postgres reads them in text: so that any driver can hand them over as they are."""

import re
from collections.abc import Iterable
from datetime import datetime

_SPECIAL = re.compile(r'[\\"]')


def plain(items: Iterable[object]) -> str:
    """An array of numbers, ids or words: of what needs no quotes."""
    return "{" + ",".join(map(str, items)) + "}"


def numbers(items: Iterable[float | None]) -> str:
    """An array of numbers, some of which may be missing."""
    return "{" + ",".join(["NULL" if item is None else repr(item) for item in items]) + "}"


def moments(items: Iterable[datetime | None]) -> str:
    """An array of aware datetimes, some of which may be missing."""
    return "{" + ",".join(["NULL" if item is None else f'"{item.isoformat()}"' for item in items]) + "}"


def texts(items: Iterable[str | None]) -> str:
    """An array of any texts, some of which may be missing."""
    return "{" + ",".join(["NULL" if item is None else _quoted(item) for item in items]) + "}"


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        text = _SPECIAL.sub(r"\\\g<0>", text)
    return f'"{text}"'
