"""One field of a cron line: which values it names, and what is wrong with it."""

import re

import msgspec

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

_VALUE = r"[0-9]{1,4}|[a-z]{3}"
_PART = re.compile(
    rf"(?:(?P<all>\*)|(?P<low>{_VALUE})(?:-(?P<high>{_VALUE}))?)(?:/(?P<step>[0-9]{{1,4}}))?"
)


class BadField(Exception):
    """What is wrong with a field, as the end of a sentence that begins with the line."""


class Field(msgspec.Struct, frozen=True):
    """A place in the line."""

    name: str
    least: int
    most: int
    """Of what `*` stands for."""
    names: tuple[str, ...] = ()
    """Other ways to write the values, from `least` on."""
    last: bool = False
    """Whether `L` may stand in it."""

    @property
    def full(self) -> frozenset[int]:
        return frozenset(range(self.least, self.most + 1))


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of month", 1, 31, last=True)
MONTH = Field("month", 1, 12, tuple(_MONTHS))
WEEKDAY = Field("day of week", 0, 6, tuple(_WEEKDAYS))

LAST = 32
"""Stands among the days of a month for its last, whichever that is."""
_SUNDAY = 7
"""Sunday may be written as 0 or as 7, and ends a week as well as it begins one."""


def values(field: Field, text: str) -> frozenset[int]:
    """All that the text names, for the last day of a month `LAST`. Raises BadField."""
    named: set[int] = set()
    for part in text.lower().split(","):
        if part == "l" and field.last:
            named.add(LAST)
        else:
            named.update(_part(field, part))
    return frozenset(named)


def _part(field: Field, part: str) -> range | set[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise BadField(_unreadable(field, part))
    if match["all"]:
        low, high = field.least, field.most
    else:
        low = high = _value(field, match["low"])
        if match["high"]:
            high = _value(field, match["high"])
            if match["high"] == "sun" and low > high:
                high = _SUNDAY  # fri-sun
        elif match["step"]:
            high = max(low, field.most)
    if low > high:
        raise BadField(
            f"the {field.name} range {part!r} runs backwards: "
            f"write it as two, such as {match['low']}-{field.most},{field.least}-{match['high']}"
        )
    found = range(low, high + 1, _step(field, match["step"]))
    return {value % _SUNDAY for value in found} if field is WEEKDAY else found


def _value(field: Field, text: str) -> int:
    if text in field.names:
        return field.least + field.names.index(text)
    if not text.isdecimal():
        raise BadField(_unreadable(field, text))
    value = int(text)
    if not field.least <= value <= _most(field):
        raise BadField(f"the {field.name} {text} does not lie within {_range(field)}")
    return value


def _step(field: Field, text: str | None) -> int:
    if text is None:
        return 1
    step, longest = int(text), len(field.full)
    if not 1 <= step <= longest:
        # Crons take */90 for "at minute 0", which nobody means.
        raise BadField(
            f"the {field.name} step /{text} does not lie within 1 to {longest}; "
            "longer periods are written as in 'every 90m'"
        )
    return step


def _unreadable(field: Field, part: str) -> str:
    if not part:
        return f"the {field.name} has an empty place in its list"
    names = f", names such as {field.names[1]}" if field.names else ""
    last = ", L for the last day" if field.last else ""
    return (
        f"the {field.name} {part[:20]!r} cannot be read: write *, values within {_range(field)}"
        f"{names}, ranges such as {field.least}-{field.least + 2}, steps such as */2{last}, "
        "or several with commas"
    )


def _most(field: Field) -> int:
    return _SUNDAY if field is WEEKDAY else field.most


def _range(field: Field) -> str:
    return f"{field.least} to {_most(field)}"
