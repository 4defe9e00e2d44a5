"""Payloads and results: values to JSON and back, and what must not pass."""

import json
import math

import msgspec

from stoker.jobs.errors import InvalidPayload

MAX_PAYLOAD = 256 * 1024
"""Bytes of JSON that a payload, and likewise a result, may have unless configured otherwise."""
MAX_DEPTH = 64
"""Levels of objects and lists in one another, the outermost included."""


def encode_payload(arguments: object, *, limit: int = MAX_PAYLOAD, what: str = "payload") -> bytes:
    """The arguments as a JSON object.

    Raises InvalidPayload if they are no object, do not encode, hold what not every store can keep
    (NUL, lone surrogates, NaN, infinity, too many levels), or are larger than `limit` bytes.
    """
    data = _encode(arguments, what)
    if not data.startswith(b"{"):
        raise InvalidPayload(f"the {what} must be an object keyed by parameter, not {data[:20]!r}")
    if len(data) > limit:
        raise InvalidPayload(f"the {what} has {len(data):,} bytes; at most {limit:,} are allowed")
    if _suspect(data):
        refuse_unstorable(arguments, what)
    return data


def check_payload(data: bytes, *, limit: int = MAX_PAYLOAD) -> bytes:
    """The same checks for a payload that is JSON already."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidPayload(f"the payload is not JSON: {error}") from None
    return encode_payload(value, limit=limit)


def encode_result(value: object, *, limit: int = MAX_PAYLOAD) -> tuple[bytes | None, str | None]:
    """The result as JSON, or None with a note that says why it is not kept."""
    if value is None:
        return b"null", None
    try:
        data = _encode(value, "result")
        if len(data) > limit:
            return None, f"the result is not kept: it has {len(data):,} bytes, more than {limit:,}"
        if _suspect(data):
            refuse_unstorable(value, "result")
    except InvalidPayload as error:
        return None, storable(f"the result is not kept: {error}", 500)
    return data, None


def _encode(value: object, what: str) -> bytes:
    try:
        data = msgspec.json.encode(value)
        # A Raw is written as it stands, whatever it holds.
        _SYNTAX.decode(data)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidPayload(f"the {what} cannot be written as JSON: {error}") from None
    return data


_SYNTAX = msgspec.json.Decoder(msgspec.Raw)


def _suspect(data: bytes) -> bool:
    """Whether the values must be looked at one by one: most need not be.

    A NUL is only there if its escape is; msgspec writes NaN and infinity as null; and no value is
    deeper than it has brackets.
    """
    return b"null" in data or b"\\u0000" in data or data.count(b"{") + data.count(b"[") > MAX_DEPTH


def refuse_unstorable(value: object, what: str) -> None:
    """Raise InvalidPayload, naming the place, for text or numbers that a store could not keep."""
    try:
        plain = msgspec.to_builtins(value, enc_hook=_parsed)
    except RecursionError:
        raise InvalidPayload(f"the {what} is nested deeper than {MAX_DEPTH} levels") from None
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidPayload(f"the {what} cannot be written as JSON: {error}") from None
    _refuse(plain, what)


def _parsed(value: object) -> object:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    raise TypeError(f"objects of type {type(value).__name__} have no form in JSON")


def _refuse(value: object, what: str, path: tuple[object, ...] = ()) -> None:
    if isinstance(value, str):
        if problem := text_problem(value):
            raise InvalidPayload(f"the {what} holds {problem}{_place(path)}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidPayload(f"the {what} holds {value}{_place(path)}: JSON has no such number")
    elif isinstance(value, dict | list | tuple | set | frozenset):
        if len(path) >= MAX_DEPTH:
            raise InvalidPayload(f"the {what} is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            for key, item in value.items():
                _refuse(key, what, (*path, key))
                _refuse(item, what, (*path, key))
        else:
            for index, item in enumerate(value):
                _refuse(item, what, (*path, index))


def _place(path: tuple[object, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return f" at {''.join(steps).removeprefix('.')!r}" if steps else ""


def text_problem(text: str) -> str | None:
    """What keeps this text out of a store, in words; None if nothing does."""
    if "\0" in text:
        return "a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a lone surrogate"
    return None


def storable(text: str, limit: int = 64 * 1024) -> str:
    """Any text, made fit for every store: what cannot be kept is replaced, and it is cut to size.

    For error texts, log lines and messages, which must never be refused.
    """
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit:,} more characters)"
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
