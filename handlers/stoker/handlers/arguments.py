"""A handler's arguments: checked against its annotations on the way out and on the way in."""

import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

from stoker.handlers.signature import NO_DEFAULT, Parameter, Signature
from stoker.handlers.wording import in_words
from stoker.jobs.codec import encode_payload, refuse_unstorable
from stoker.jobs.errors import HandlerError, InvalidPayload

# Values of these types are passed as they are; their JSON text is refused where one is expected.
_STRICT = (bytes, bytearray, date, datetime, time, timedelta, UUID, Decimal)
_PLAIN_DEFAULTS = (NoneType, bool, int, float, str)


class Arguments:
    """The arguments of one handler, as a struct made from its parameters."""

    def __init__(self, name: str, signature: Signature) -> None:
        self._name = name
        self.parameters = {parameter.name: parameter for parameter in signature.parameters}
        self._positional = [p.name for p in signature.parameters if not p.keyword_only]
        self._resources = frozenset(signature.resources)
        self._struct = _struct(name, signature.parameters)
        self._decode = msgspec.json.Decoder(self._struct).decode

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The arguments out of a payload, defaults included. Raises InvalidPayload."""
        try:
            return msgspec.structs.asdict(self._decode(payload))
        except msgspec.ValidationError as error:
            message = str(error)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidPayload(f"{self._name}: the payload is not JSON: {error}") from None
        try:
            given = msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidPayload(f"{self._name}: the payload is not JSON: {error}") from None
        raise InvalidPayload(in_words(self._name, message, given, self.parameters))

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """What was given, by name, and the payload of it. Raises InvalidPayload.

        Values must be what the annotations say, not what could be made into it. Defaults are left
        out: they apply where the job runs, so a parameter can be added while old workers still run.
        """
        given = self._named(args, kwargs)
        try:
            msgspec.convert(given, self._struct, builtin_types=_STRICT)
        except msgspec.ValidationError as error:
            raise InvalidPayload(in_words(self._name, str(error), given, self.parameters)) from None
        payload = self._encode(given)
        # As the worker will do it: a struct that was built with a wrong field shows here.
        self.decode(payload)
        return given, payload

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the payload, which needs no other document."""
        (top,), parts = msgspec.json.schema_components([self._struct], ref_template="#/$defs/{name}")
        own = parts.pop(top["$ref"].rpartition("/")[2])
        return {**own, "title": self._name, **({"$defs": parts} if parts else {})}

    def _named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if len(args) > len(self._positional):
            takes = ", ".join(self._positional) or "none"
            raise InvalidPayload(
                f"{self._name}: {len(args)} positional arguments were given; it takes {takes}"
            )
        given = dict(zip(self._positional, args, strict=False))
        for name, value in kwargs.items():
            if name in self._resources:
                raise InvalidPayload(
                    f"{self._name}: {name!r} is a resource, opened where the job runs, and no argument"
                )
            if name in given:
                raise InvalidPayload(f"{self._name}: parameter {name!r} was given twice")
            given[name] = value
        return given

    def _encode(self, given: Mapping[str, Any]) -> bytes:
        try:
            # How large a payload may be is configured with the client, which checks it.
            return encode_payload(given, limit=sys.maxsize)
        except InvalidPayload as error:
            for name, value in given.items():
                try:
                    refuse_unstorable(value, "value")
                    encode_payload({name: value}, limit=sys.maxsize, what="value")
                except InvalidPayload as its:
                    text = f"{self._name}: parameter {name!r} cannot be sent: {its}"
                    raise InvalidPayload(text) from None
            raise InvalidPayload(f"{self._name}: {error}") from None


def _struct(name: str, parameters: Sequence[Parameter]) -> type[msgspec.Struct]:
    try:
        made = _make(name, parameters)
    except TypeError as error:
        for parameter in parameters:
            try:
                _make(name, [parameter])
            except TypeError as its:
                raise HandlerError(
                    f"{name}: parameter {parameter.name!r} has a type that JSON cannot carry: "
                    f"{str(its).strip().splitlines()[-1]}"
                ) from None
        raise HandlerError(f"{name}: its parameters cannot be read from JSON: {error}") from None
    return made


def _make(name: str, parameters: Sequence[Parameter]) -> type[msgspec.Struct]:
    """Raises TypeError for a type that msgspec does not know."""
    fields = [_field(parameter) for parameter in parameters]
    struct = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    # The decoder takes any class at first; describing it finds out.
    msgspec.json.Decoder(struct)
    msgspec.json.schema_components([struct])
    return struct


def _field(parameter: Parameter) -> Any:
    default = parameter.default
    if default is NO_DEFAULT:
        return parameter.name, parameter.annotation
    infinite = isinstance(default, float) and not math.isfinite(default)
    if isinstance(default, _PLAIN_DEFAULTS) and not infinite:
        return parameter.name, parameter.annotation, default
    # By a factory, which any value passes: one value for all calls, as Python has it.
    return parameter.name, parameter.annotation, msgspec.field(default_factory=lambda: default)
