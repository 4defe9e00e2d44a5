"""What does not fit, in words: which parameter, what was expected, what was given."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<type>[^`]+)`, got `(?P<got>[^`]+)`")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(?P<field>[^`]+)`")
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")

_WORDS = {
    "Invalid RFC3339 encoded date": "expected a date such as '2026-01-31'",
    "Invalid RFC3339 encoded datetime": "expected a time such as '2026-01-31T12:00:00Z'",
    "Invalid RFC3339 encoded time": "expected a time of day such as '12:00:00'",
    "Invalid ISO8601 duration": "expected a duration such as 'PT5M'",
    "Invalid UUID": "expected a UUID",
    "Invalid decimal string": "expected a decimal number such as '12.50'",
}
_LONGEST = 80


def in_words(handler: str, message: str, given: Any, parameters: Iterable[str]) -> str:
    """A sentence from msgspec's message about these arguments."""
    found = _PLACE.match(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    if not isinstance(given, dict):
        return f"{handler}: the payload is an object keyed by parameter, not {_shown(given)}"
    if not path:
        return f"{handler}: {_top(what, tuple(parameters))}"
    steps = [step["field"] or step["index"] for step in _STEP.finditer(path)]
    inside = path[len(steps[0]) + 1 :]
    at = f" (at {inside.lstrip('.')!r})" if inside else ""
    return f"{handler}: parameter {steps[0]!r}{at} {_said(what, _value(given, steps))}"


def _top(what: str, parameters: tuple[str, ...]) -> str:
    field = _FIELD.match(what)
    if field is None:
        return what
    if what.startswith("Object missing"):
        return f"parameter {field['field']!r} is missing"
    close = get_close_matches(field["field"], parameters, 1)
    hint = f"perhaps {close[0]!r}" if close else f"it takes {', '.join(parameters) or 'none'}"
    return f"there is no parameter {field['field']!r}: {hint}"


def _said(what: str, value: Any) -> str:
    shown = "" if value is _UNKNOWN else f", got {_shown(value)}"
    if expected := _EXPECTED.match(what):
        types = " or ".join(expected["type"].split(" | "))
        return f"expected {types}{shown or ', got ' + expected['got']}"
    if field := _FIELD.match(what):
        verb = "lacks" if what.startswith("Object missing") else "has no"
        return f"{verb} field {field['field']!r}"
    if what in _WORDS:
        return _WORDS[what] + shown
    return f"does not fit: {what.replace('`', '')}{shown}"


_UNKNOWN: Any = object()


def _value(given: Any, steps: list[str]) -> Any:
    """What stands at this place, where it can be told."""
    for step in steps:
        try:
            if isinstance(given, dict):
                given = given[step]
            elif isinstance(given, list | tuple):
                given = given[int(step)]
            else:
                given = getattr(given, step)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            return _UNKNOWN
    return given


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
