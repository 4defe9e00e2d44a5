"""How a value of each kind is written in a configuration, and read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from stoker.daemon.settings import QueueLimit
from stoker.jobs import durations, sizes
from stoker.jobs.calendar import calendar, every
from stoker.jobs.errors import InvalidSchedule
from stoker.jobs.patterns import is_name, is_pattern


class Kind(msgspec.Struct, frozen=True):
    """A kind of value."""

    wanted: str
    """What would be right, to follow "must be"."""
    read: Callable[[Any], Any]
    """From what YAML made of the text to what stands in `Settings`. Raises ValueError for a value
    that does not fit, with a text only where there is more to say than that."""
    is_text: bool = False
    """Taken from the environment as it stands, and from a file by `…_file`."""

    def problem(self, value: Any, error: ValueError) -> str:
        """What to say of a value that `read` has refused, to follow the name of the key."""
        if text := str(error):
            return f"must be {self.wanted}, but {text}"
        return f"must be {self.wanted}, not {shown(value)}{_hint(value, is_text=self.is_text)}"


class BadEntry(ValueError):
    """A mapping does not fit because of what stands under this key."""

    def __init__(self, key: Any, text: str) -> None:
        super().__init__(text)
        self.key = key


def line() -> Kind:
    """One line of text."""
    return Kind("a line of text", _line, is_text=True)


def flag() -> Kind:
    """A bool."""
    return Kind("true or false", _flag)


def choice(options: Sequence[str]) -> Kind:
    """One of these words."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            raise ValueError
        return value

    return Kind(f"{', '.join(options[:-1])} or {options[-1]}", read, is_text=True)


def number(least: int, most: int | None = None) -> Kind:
    """An int between these bounds."""

    def read(value: Any) -> int:
        whole = _number(value)
        if whole < least or (most is not None and whole > most):
            raise ValueError
        return whole

    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    return Kind(f"a whole number {bounds}", read)


def duration(*, zero: bool) -> Kind:
    """Seconds as float."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        try:
            seconds = durations.seconds(value)
        except ValueError:
            raise ValueError from None
        if not (seconds > 0 or zero):
            raise ValueError
        return seconds

    least = "" if zero else "more than 0, "
    return Kind(f"a duration, {least}such as 90 (seconds) or '1m30s'", read)


def size(least: int) -> Kind:
    """Bytes as int."""

    def read(value: Any) -> int:
        try:
            amount = sizes.size(value)
        except ValueError:
            raise ValueError from None
        if amount < least:
            raise ValueError
        return amount

    return Kind(f"a number of bytes, at least {least}, such as 65536, '256KiB' or '1MB'", read)


def lines(what: str, example: str) -> Kind:
    """A tuple of texts."""

    def read(value: Any) -> tuple[str, ...]:
        return tuple(_item(item, what) for item in _items(value))

    return Kind(f"a list of {what}s such as [{example}]", read)


def queues() -> Kind:
    """A tuple of patterns, some with a limit."""

    def read(value: Any) -> tuple[str | QueueLimit, ...]:
        return tuple(_queue(item) for item in _items(value))

    return Kind("a list such as [mail, 'reports.*', '!reports.big', {name: pdf, limit: 2}]", read)


def schedules() -> Kind:
    """Types with their schedules. Lines and time zones are read here, the rest by the scheduler."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError
        for type, schedule in value.items():
            if not isinstance(type, str) or not is_name(type):
                raise BadEntry(type, f"{shown(type)} is no type")
            is_line = isinstance(schedule, str) and schedule.strip()
            if not is_line and not isinstance(schedule, Mapping):
                raise BadEntry(type, f"{type} has {shown(schedule)}, which is no line and no mapping")
            try:
                _check_times({"cron": schedule} if is_line else schedule)
            except InvalidSchedule as error:
                raise BadEntry(type, f"{type}: {error}") from None
        return dict(value)

    return Kind("a mapping such as {maintenance.cleanup: '0 23 * * *'}", read)


def _check_times(schedule: Mapping[str, Any]) -> None:
    if "every" in schedule:
        every(schedule["every"])
    calendar(schedule.get("cron", "never"), schedule.get("timezone", "UTC"))


def optional(kind: Kind) -> Kind:
    """The same, or None."""

    def read(value: Any) -> Any:
        return None if value is None else kind.read(value)

    return Kind(f"{kind.wanted}, or null", read, kind.is_text)


def shown(value: Any) -> str:
    """The value, much as it might stand in YAML, cut to a readable length."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 60


def _hint(value: Any, *, is_text: bool = True) -> str:
    """Why YAML may have made of a text what was not meant."""
    quote = "; quote it if it is a text" if is_text else ""
    if isinstance(value, bool):
        return f" (YAML reads yes, no, on and off as true or false{quote})"
    if is_text and value is not None and not isinstance(value, str | list | Mapping):
        return " (quote it if it is a text)"
    return ""


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or any(one < " " for one in value):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _items(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError
    return value


def _item(item: Any, what: str) -> str:
    try:
        return _line(item)
    except ValueError:
        raise ValueError(f"{shown(item)} is no {what}{_hint(item)}") from None


def _queue(item: Any) -> str | QueueLimit:
    if not isinstance(item, Mapping):
        return _pattern(item)
    if set(item) != {"name", "limit"}:
        raise ValueError(f"{shown(item)} has not a name and a limit, and nothing else")
    name = _pattern(item["name"])
    if name.startswith("!"):
        raise ValueError(f"{name!r} leaves a queue out, so it has no limit")
    try:
        return QueueLimit(name=name, limit=number(1).read(item["limit"]))
    except ValueError:
        raise ValueError(
            f"the limit of {name} is {shown(item['limit'])}, not a whole number of at least 1"
        ) from None


def _pattern(text: Any) -> str:
    if not isinstance(text, str) or not is_pattern(text):
        raise ValueError(f"{shown(text)} is no queue name or pattern{_hint(text)}")
    return text
