"""Places in a list of jobs, as brokers that number their jobs write them into a page."""

import re

from stoker.jobs.errors import InvalidFilter

_CURSOR = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})")


def cursor_of(created_at: int, number: int) -> str:
    """The cursor that leads to what comes after the job of this creation and number."""
    return f"{created_at}.{number}"


def place_at(cursor: str) -> tuple[int, int]:
    """Creation and number again. Raises InvalidFilter for text that no page has given."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidFilter(f"cursor {cursor!r} is not one that a page has given")
    return int(found[1]), int(found[2])
