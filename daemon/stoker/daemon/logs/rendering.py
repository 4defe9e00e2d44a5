"""Lines of JSON: whatever is logged, it becomes a line that parses."""

import json
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

_FIRST = ("timestamp", "level", "event")

_encode = msgspec.json.Encoder(enc_hook=repr).encode


def json_line(fields: Mapping[str, Any] | msgspec.Struct) -> bytes:
    """The fields as one line of JSON. Never fails: what JSON cannot hold is written as its repr."""
    try:
        return _encode(fields) + b"\n"
    except Exception:  # a lone surrogate, a key of no text, an object that does not show itself
        if isinstance(fields, msgspec.Struct):
            fields = msgspec.structs.asdict(fields)
        tame = {str(key): _tame(value) for key, value in fields.items()}
        return json.dumps(tame).encode() + b"\n"


def render_json(logger: Any, method: str, fields: MutableMapping[str, Any]) -> str:
    """A structlog processor, the last one: time, level and event stand first."""
    ordered = {name: fields.pop(name) for name in _FIRST if name in fields}
    return json_line({**ordered, **fields})[:-1].decode()


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return value  # `json` escapes what it cannot encode
    try:
        return json.loads(_encode(value))
    except Exception:
        pass
    try:
        return repr(value)
    except Exception:
        return f"a {type(value).__name__} that does not show itself"
