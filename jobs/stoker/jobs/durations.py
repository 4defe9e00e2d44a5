"""Durations as users write them: a timedelta, seconds, or text such as "5m" or "1h30m"."""

import math
import re
from datetime import timedelta
from typing import SupportsFloat

Duration = timedelta | float | int | str

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_PART = re.compile(rf"({_PLAIN.pattern})\s*(ms|s|m|h|d|w)\s*")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(value: Duration) -> float:
    """The duration in seconds, never negative and always finite.

    Raises ValueError, with what would be right, for anything else.
    """
    result = _read(value)
    if result is None:
        raise ValueError(f"{value!r} is not a duration: write seconds, or text such as '5m' or '1h30m'")
    if not math.isfinite(result) or result < 0:
        raise ValueError(f"{value!r} is not a duration: it must be finite and not negative")
    return result


def _read(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        text = value.strip()
        if _PLAIN.fullmatch(text):
            return float(text)
        if _WHOLE.fullmatch(text):
            return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        return None
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def text(value: float) -> str:
    """Seconds as people read them: "1h 30m", "2.5s", "40ms"."""
    if value < 1:
        return f"{value * 1000:.0f}ms"
    if value < 60:
        return f"{value:.3g}s"
    parts: list[str] = []
    rest = round(value)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
