"""Payloads of jobs that are known by name only, held against the schemas that are published."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec

from stoker.client.wording import in_words
from stoker.jobs.errors import InvalidPayload
from stoker.jobs.operating import TypeInfo

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator


class Schemas:
    """Compiled on first use; compiled anew when a type says something else."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[TypeInfo, Draft202012Validator | None]] = {}

    def check(self, info: TypeInfo, payload: bytes) -> None:
        """Raise InvalidPayload, naming the parameter, for what does not fit this type's schema.

        What gets by is still checked where the job runs: a schema says less than a handler knows.
        """
        if info.schema is None:
            return
        compiled = self._compiled.get(info.name)
        if compiled is None or compiled[0] is not info:
            compiled = self._compiled[info.name] = info, _compile(info.schema)
        validator = compiled[1]
        if validator is None:
            return
        given = msgspec.json.decode(payload)
        if not validator.is_valid(given):
            error = next(validator.iter_errors(given))
            raise InvalidPayload(in_words(info.name, error, info.schema.get("properties", ())))


def _compile(schema: Mapping[str, Any]) -> "Draft202012Validator | None":
    """None for a schema that is none: the handler itself will judge."""
    # Imported on first use: who enqueues calls, or nothing, does not pay for it.
    from jsonschema_rs import Draft202012Validator, ReferencingError

    try:
        return Draft202012Validator(
            as_workers_read(schema),
            validate_formats=True,
            formats=_FORMATS,
            keywords={"whole": _Whole, "pattern": _Pattern},
            offline=True,  # a schema never makes a producer fetch something
        )
    except (ValueError, ReferencingError):
        return None


def as_workers_read(schema: Any) -> Any:
    """The same schema, for what the worker that published it really takes.

    A whole number is one without a point; a decimal may be a number; a set may say things twice.
    """
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            made[key] = {name: as_workers_read(each) for name, each in value.items()}
        elif key in _VALUES:
            made[key] = value
        elif isinstance(value, list | tuple):
            made[key] = [as_workers_read(each) for each in value]
        else:
            made[key] = as_workers_read(value)
    if made.get("type") == "integer":
        made["whole"] = True
    if made.get("format") == "decimal":
        made["type"] = ["string", "number"]
    if made.get("contentEncoding") == "base64":
        made["format"] = "base64"
    made.pop("uniqueItems", None)
    return made


_NAMED = frozenset({"properties", "patternProperties", "$defs"})
"""Keywords that hold schemas by name."""
_VALUES = frozenset({"default", "const", "enum", "examples", "required", "discriminator"})
"""Keywords that hold no schemas, whatever they look like."""


class _Whole:
    """JSON schema takes 1.0 for an integer; handlers do not."""

    def __init__(self, schema: object, value: object, path: object) -> None:
        pass

    def validate(self, instance: object) -> None:
        if isinstance(instance, float):
            raise ValueError("whole")


class _Pattern:
    """Regular expressions as Python understands them, because the handler will."""

    def __init__(self, schema: object, value: Any, path: object) -> None:
        self._pattern = re.compile(value)

    def validate(self, instance: object) -> None:
        if isinstance(instance, str) and self._pattern.search(instance) is None:
            raise ValueError(repr(self._pattern.pattern))


def _reads(kind: Any) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            msgspec.convert(text, kind)
        except msgspec.ValidationError:
            return False
        return True

    return reads


_FORMATS = {
    "date": _reads(date),
    "date-time": _reads(Annotated[datetime, msgspec.Meta(tz=True)]),
    "time": _reads(Annotated[time, msgspec.Meta(tz=True)]),
    "duration": _reads(timedelta),
    "uuid": _reads(UUID),
    "decimal": _reads(Decimal),
    "base64": _reads(bytes),
}
"""Formats by the worker's own reading of them."""
