"""Whether two brokers have answered alike, when each has read a clock of its own."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

import msgspec

TOLERANCE = timedelta(seconds=25)
"""How far two times may lie apart: less than half of the step that time moves in."""


def refuse_unlike(what: str, subject: Any, oracle: Any) -> None:
    """Raise AssertionError, naming the place, where the subject differs from the oracle."""
    if subject == oracle:
        return  # most of it, and so it goes faster
    if isinstance(oracle, datetime):
        if not isinstance(subject, datetime) or abs(subject - oracle) > TOLERANCE:
            _refuse(what, subject, oracle)
    elif isinstance(oracle, msgspec.Struct):
        _refuse_kind(what, subject, oracle)
        for field in oracle.__struct_fields__:
            refuse_unlike(f"{what}.{field}", getattr(subject, field), getattr(oracle, field))
    elif isinstance(oracle, msgspec.Raw):
        if subject is None or bytes(subject) != bytes(oracle):
            _refuse(what, subject and bytes(subject), bytes(oracle))
    elif isinstance(oracle, Mapping):
        _refuse_keys(what, set(subject), set(oracle))
        for key in oracle:
            refuse_unlike(f"{what}[{key!r}]", subject[key], oracle[key])
    elif isinstance(oracle, Sequence) and not isinstance(oracle, str | bytes):
        if len(subject) != len(oracle):
            _refuse(f"the length of {what}", subject, oracle)
        for place, (ours, theirs) in enumerate(zip(subject, oracle, strict=True)):
            refuse_unlike(f"{what}[{place}]", ours, theirs)
    elif isinstance(oracle, Set):
        _refuse_keys(what, set(subject), set(oracle))
    else:
        _refuse(what, subject, oracle)


def _refuse_kind(what: str, subject: Any, oracle: Any) -> None:
    if type(subject) is not type(oracle):
        _refuse(what, subject, oracle)


def _refuse_keys(what: str, subject: set[Any], oracle: set[Any]) -> None:
    if subject != oracle:
        _refuse(what, sorted(subject - oracle), sorted(oracle - subject))


def _refuse(what: str, subject: Any, oracle: Any) -> None:
    raise AssertionError(f"{what} is {subject!r}, and in memory {oracle!r}")
