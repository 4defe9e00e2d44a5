"""Payloads and results: values to JSON and back, and what must not pass."""

import json
import math
from typing import Any

import msgspec

from stoker.jobs.errors import InvalidJob, InvalidPayload

MAX_PAYLOAD = 256 * 1024
"""Bytes of JSON that a payload, and likewise a result, may have unless configured otherwise."""
MAX_DEPTH = 64


def encode_payload(arguments: object, *, limit: int = MAX_PAYLOAD, what: str = "payload") -> bytes:
    """The arguments as a JSON object.

    Raises InvalidPayload if they are no object, do not encode, hold what not every store can keep
    (NUL, lone surrogates, NaN, infinity), or are larger than `limit` bytes.
    """
    try:
        data = msgspec.json.encode(arguments)
    except (
        TypeError,
        ValueError,
        UnicodeEncodeError,
        RecursionError,
        msgspec.MsgspecError,
    ) as error:
        raise InvalidPayload(f"the {what} cannot be written as JSON: {error}") from None
    if not data.startswith(b"{"):
        raise InvalidPayload(f"the {what} must be an object keyed by parameter, not {data[:20]!r}")
    if len(data) > limit:
        raise InvalidPayload(f"the {what} has {len(data):,} bytes; at most {limit:,} are allowed")
    # A NUL is only there if its escape is; and msgspec writes NaN and infinity as null.
    if b"\\u0000" in data or b"null" in data:
        refuse_unstorable(arguments, what)
    return data


def check_payload(data: bytes, *, limit: int = MAX_PAYLOAD) -> bytes:
    """The same checks for a payload that is JSON already."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidPayload(f"the payload is not JSON: {error}") from None
    return encode_payload(value, limit=limit)


def refuse_unstorable(value: Any, what: str, path: str = "", depth: int = 0) -> None:
    """Raise InvalidPayload, naming the place, for text or numbers that a store could not keep."""
    place = f" at {path.lstrip('.')!r}" if path else ""
    if depth > MAX_DEPTH:
        raise InvalidPayload(f"the {what} is nested deeper than {MAX_DEPTH} levels{place}")
    if isinstance(value, str):
        if problem := text_problem(value):
            raise InvalidPayload(f"the {what} holds {problem}{place}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidPayload(f"the {what} holds {value}{place}: JSON has no such number")
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_unstorable(key, what, f"{path}.{key!s}", depth + 1)
            refuse_unstorable(item, what, f"{path}.{key!s}", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            refuse_unstorable(item, what, f"{path}[{index}]", depth + 1)
    elif isinstance(value, msgspec.Struct):
        refuse_unstorable(msgspec.structs.asdict(value), what, path, depth + 1)


def text_problem(text: str) -> str | None:
    """What keeps this text out of a store, in words; None if nothing does."""
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
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


def encode_result(value: object, *, limit: int = MAX_PAYLOAD) -> tuple[bytes | None, str | None]:
    """The result as JSON, or None with a note that says why it is not kept."""
    if value is None:
        return b"null", None
    try:
        data = msgspec.json.encode(value)
        if b"\\u0000" in data or b"null" in data:
            refuse_unstorable(value, "result")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError, InvalidJob) as error:
        return None, storable(f"the result is not kept: {error}", 500)
    if len(data) > limit:
        return None, f"the result is not kept: it has {len(data):,} bytes, more than {limit:,}"
    return data, None
