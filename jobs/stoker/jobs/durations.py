"""Durations as users write them: a timedelta, seconds, or text such as "5m" or "1h30m"."""

import math
import re
from datetime import timedelta

Duration = timedelta | float | int | str

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(value: Duration) -> float:
    """The duration in seconds, never negative and always finite.

    Raises ValueError, with what would be right, for anything else.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration: write seconds, or text such as '5m'")
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        text = value.strip().replace(" ", "")
        if re.fullmatch(r"\d+(\.\d+)?", text):
            result = float(text)
        elif _WHOLE.fullmatch(text):
            result = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        else:
            raise ValueError(
                f"{value!r} is not a duration: write seconds, or text such as '5m' or '1h30m'"
            )
    else:
        result = float(value)
    if not math.isfinite(result) or result < 0:
        raise ValueError(f"{value!r} is not a duration: it must be finite and not negative")
    return result


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
