"""What does not fit a published schema, in words: which parameter, what was expected and given."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
"""JSON's names for types, where handlers' authors call them otherwise."""
_FORMATS = {
    "date": "a date such as '2026-01-31'",
    "date-time": "a time such as '2026-01-31T12:00:00Z'",
    "time": "a time of day such as '12:00:00Z'",
    "duration": "a duration such as 'PT5M'",
    "uuid": "a UUID",
    "decimal": "a decimal number such as '12.50'",
    "base64": "base64",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
_SIZES = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} entries",
    "maxProperties": "at most {} entries",
}
_LONGEST = 80


def in_words(type: str, error: Any, parameters: Iterable[str]) -> str:
    """A sentence from what the validator says of the payload for this job type."""
    error = _nearest(error)
    path: Sequence[str | int] = error.instance_path
    if not path:
        return f"{type}: {_top(error, tuple(parameters))}"
    at = f" (at {_place(path[1:])!r})" if len(path) > 1 else ""
    return f"{type}: parameter {path[0]!r}{at} {_said(error)}"


def shown(value: object) -> str:
    """The value, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _nearest(error: Any) -> Any:
    """Of several readings of a value, what is wrong inside the one that it is nearest to."""
    for readings in getattr(error.kind, "context", ()):
        inner = [each for each in readings if len(each.instance_path) > len(error.instance_path)]
        if len(inner) == len(readings) and inner:
            return _nearest(inner[0])
    return error


def _top(error: Any, parameters: tuple[str, ...]) -> str:
    match error.kind.name:
        case "required":
            return f"parameter {error.kind.property!r} is missing"
        case "additionalProperties":
            name = error.kind.unexpected[0]
            close = get_close_matches(name, parameters, 1)
            hint = f"perhaps {close[0]!r}" if close else f"it takes {', '.join(parameters) or 'none'}"
            return f"there is no parameter {name!r}: {hint}"
    return f"the payload does not fit: {error.message}"


def _said(error: Any) -> str:
    match error.kind.name:
        case "required":
            return f"lacks field {error.kind.property!r}"
        case "additionalProperties":
            return f"has no field {error.kind.unexpected[0]!r}"
    expected = _expected(error)
    if expected is None:
        return f"does not fit: {error.message}"
    return f"expected {expected}, got {shown(error.instance)}"


def _expected(error: Any) -> str | None:
    """What would be right; None where only the validator can say it."""
    kind = error.kind
    match kind.name:
        case "type":
            return " or ".join(_TYPES.get(name, name) for name in kind.types)
        case "whole":
            return "int"
        case "anyOf" | "oneOf":
            parts = [_expected(readings[0]) for readings in kind.context if readings]
            return " or ".join(dict.fromkeys(part for part in parts if part)) or None
        case "enum":
            return f"one of {', '.join(shown(option) for option in kind.options)}"
        case "const":
            return shown(kind.expected_value)
        case "format":
            return _FORMATS.get(kind.format, f"text in the format {kind.format}")
        case "pattern":
            return f"text that matches {kind.message}"
        case "multipleOf":
            return f"{_LIMITS['multipleOf']} {kind.multiple_of}"
    if kind.name in _LIMITS:
        return f"{_LIMITS[kind.name]} {kind.limit}"
    if kind.name in _SIZES:
        return _SIZES[kind.name].format(kind.limit)
    return None


def _place(path: Sequence[str | int]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".")
