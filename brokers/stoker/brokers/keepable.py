"""What of a run's news every store can keep; the rest is refused, replaced or left out."""

import math

import msgspec

from stoker.jobs.codec import storable

LARGEST_RESULT = 64 * 1024 * 1024
"""Bytes. Clients and daemons draw the line far below; this one protects the store."""
UNFIT = (TypeError, ValueError, OverflowError)
"""What making a value fit for a store raises if it cannot be, such as a time without a zone."""
_json = msgspec.json.Decoder(msgspec.Raw).decode


def fits(result: bytes | None) -> bool:
    """Whether this can be kept as a result: JSON text of a size that makes sense."""
    if result is None:
        return True
    try:
        _json(result)
        result.decode()
    except (msgspec.MsgspecError, RecursionError, *UNFIT):
        return False
    return len(result) <= LARGEST_RESULT


def text_or_none(text: str | None) -> str | None:
    """A text as it can be kept, if there is one."""
    return None if text is None else storable(text)


def progress_of(progress: float | None, message: str | None) -> tuple[float | None, str | None]:
    """As it can be kept: no number that is none, no text that is none."""
    if progress is not None and not math.isfinite(progress):
        progress = None
    return progress, text_or_none(message)
