"""What a handler raised, as the value that decides where its job goes."""

import traceback
from pathlib import Path
from types import TracebackType

from stoker.jobs.codec import storable
from stoker.jobs.durations import seconds
from stoker.jobs.errors import InvalidPayload
from stoker.jobs.outcome import (
    Cancel,
    Ending,
    Fail,
    Outcome,
    Raised,
    RetryAfter,
    Skip,
    Skipped,
    Snooze,
    Snoozed,
    Stopped,
)
from stoker.jobs.retry import Retry

MAX_ERROR = 4_000
"""Characters of an error's type and message that are kept."""
MAX_TRACEBACK = 16_000
"""Characters of a traceback that are kept: of a longer one, its beginning and its end."""
_HEAD = 4_000


def ending_of(error: BaseException, retry: Retry, attempt: int) -> Ending:
    """The ending for what run number `attempt` raised.

    What is alone inside an exception group counts as if it were raised itself. Never raises, also
    where the policy's own `delay` or the error's own text does.
    """
    single = _alone(error)
    match single:
        case Snooze(delay=delay):
            return Snoozed(delay)
        case RetryAfter(delay=delay):
            return Raised(_text(single), _cause(single), delay=delay)
        case Fail():
            return Raised(_text(single), _cause(single), for_good=True)
        case Cancel(reason=reason):
            return Stopped(_reason(reason))
        case Skip(reason=reason):
            return Skipped(_reason(reason))
        case InvalidPayload():
            own = _own_frames(single.__traceback__)
            return Raised(_named(single), _traceback(error) if own else None, for_good=True)
        case _:
            return _failed(error, single, retry, attempt)


def _failed(error: BaseException, single: BaseException, retry: Retry, attempt: int) -> Raised:
    text, trace = _named(single), _traceback(error)
    if gives_up(retry, error):
        return Raised(text, trace, for_good=True)
    if retry.delay is None:
        return Raised(text, trace)
    try:
        wait = retry.delay(attempt, single)
        return Raised(text, trace, delay=None if wait is None else seconds(wait))
    except Exception as its:
        note = f"the retry policy's own delay failed, so its table applies: {_named(its)}"
        return Raised(text, f"{trace}\n{note}")


def gives_up(retry: Retry, error: BaseException) -> bool:
    """Whether the policy ends the job. A group does only if every error in it would by itself."""
    if not isinstance(error, BaseExceptionGroup):
        return retry.gives_up(error)
    if isinstance(error, retry.give_up_on):
        return True
    return all(gives_up(retry, inner) for inner in error.exceptions)


def _alone(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _text(error: BaseException) -> str:
    try:
        return storable(str(error), MAX_ERROR)
    except Exception:
        return f"({type(error).__qualname__} has no text: its own str() fails)"


def _named(error: BaseException) -> str:
    """Type and message. Of a group, those of all that is in it: that is what an operator looks for."""
    if isinstance(error, BaseExceptionGroup):
        inner = "; ".join(_named(one) for one in error.exceptions)
        return storable(f"{type(error).__qualname__}: {_plain(error.message)}: {inner}", MAX_ERROR)
    text = _text(error)
    return storable(f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__)


def _plain(text: object) -> str:
    return text if isinstance(text, str) else repr(text)


def _reason(reason: object) -> str | None:
    return None if reason is None else storable(_plain(reason), MAX_ERROR)


def _cause(error: Outcome) -> str | None:
    """The traceback of what an outcome was raised from; the outcome itself was meant."""
    return None if error.__cause__ is None else _traceback(error.__cause__)


def _traceback(error: BaseException) -> str:
    try:
        own = _own_frames(error.__traceback__)
        text = "".join(traceback.format_exception(type(error), error, own))
    except Exception as its:
        text = f"(the traceback cannot be written: {type(its).__qualname__})"
    return storable(_shortened(text.rstrip()), MAX_TRACEBACK + 200)


def _shortened(text: str) -> str:
    if len(text) <= MAX_TRACEBACK:
        return text
    left_out = len(text) - MAX_TRACEBACK
    tail = text[_HEAD - MAX_TRACEBACK :]
    return f"{text[:_HEAD]}\n… ({left_out:,} characters left out) …\n{tail}"


_MACHINERY = Path(__file__).parent


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """From the first frame that is the handler's: what led there is the same for every job."""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).parent != _MACHINERY:
            return trace
        trace = trace.tb_next
    return None
