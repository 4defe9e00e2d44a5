"""What a handler says of its jobs: where they go, how long and how often they may run."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import msgspec

from stoker.handlers.cron import Cron
from stoker.handlers.middleware import Middleware
from stoker.jobs.calls import Unique
from stoker.jobs.durations import Duration, seconds
from stoker.jobs.errors import HandlerError
from stoker.jobs.job import DEFAULT_PRIORITY, DEFAULT_QUEUE
from stoker.jobs.limits import MAX_KEY, MAX_TAGS
from stoker.jobs.patterns import is_name
from stoker.jobs.retry import DEFAULT_RETRY, Retry

Isolation = Literal["process"]


class Options(TypedDict, total=False):
    """The keywords of `@handler` and of `class …(Handler, …)`."""

    queue: str
    priority: int
    """0 to 9, higher first."""
    timeout: Duration | None
    retry: Retry
    unique: str | bool | Unique | None
    isolation: Isolation | None
    """"process": in a child process, where a timeout or a cancel really kills."""
    tags: Sequence[str]
    expires: Duration | None
    """A job that has not started so long after its creation is skipped."""
    cron: str | Cron | None
    self_fence: bool | None
    """Whether runs end when their lease cannot be renewed; None leaves it to the configuration."""
    middleware: Sequence[Middleware]
    """Inside the configured ones; the outermost first."""
    version: str
    description: str
    """Else the first line of the docstring."""


class HandlerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The same, checked and complete. Durations are seconds."""

    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    timeout: float | None = None
    retry: Retry = DEFAULT_RETRY
    unique: Unique | None = None
    isolation: Isolation | None = None
    tags: tuple[str, ...] = ()
    expires: float | None = None
    cron: Cron | None = None
    self_fence: bool | None = None
    middleware: tuple[Middleware, ...] = ()
    version: str = ""
    description: str = ""


def read_options(name: str, options: Options, docstring: str | None) -> HandlerOptions:
    """The options of the handler of this name. Raises HandlerError, naming the option."""
    if not isinstance(name, str) or not is_name(name):
        raise HandlerError(
            f"{name!r} cannot name a handler: 1 to 128 letters, digits and '_', '.', ':', '-'"
        )
    given: dict[str, Any] = dict(options)
    if unknown := given.keys() - Options.__annotations__.keys():
        known = ", ".join(sorted(Options.__annotations__))
        raise HandlerError(f"{name}: there is no option {sorted(unknown)[0]!r}; there are {known}")
    for field in ("timeout", "expires"):
        given[field] = _duration(name, field, given.get(field))
    given["unique"] = _unique(name, given.get("unique"))
    given["tags"] = _tags(name, given.get("tags", ()))
    given["middleware"] = _middleware(name, given.get("middleware", ()))
    if isinstance(given.get("cron"), str):
        try:
            given["cron"] = Cron(given["cron"])
        except HandlerError as error:
            raise HandlerError(f"{name}: {error}") from None
    given.setdefault("description", (docstring or "").strip().partition("\n")[0])
    read = HandlerOptions(**given)
    _check(name, read)
    return read


def _check(name: str, options: HandlerOptions) -> None:
    if not isinstance(options.queue, str) or not is_name(options.queue):
        raise HandlerError(
            f"{name}: queue {options.queue!r} is no name: "
            "1 to 128 letters, digits and '_', '.', ':', '-'"
        )
    priority = options.priority
    if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= 9:
        raise HandlerError(f"{name}: priority lies between 0 and 9 (higher first), not {priority!r}")
    if options.isolation not in (None, "process"):
        raise HandlerError(f"{name}: isolation is 'process' or None, not {options.isolation!r}")
    for field, kind in (("retry", Retry), ("cron", Cron | None), ("self_fence", bool | None)):
        value = getattr(options, field)
        if not isinstance(value, kind):
            raise HandlerError(f"{name}: {field} cannot be {value!r}")
    for field in ("version", "description"):
        if not isinstance(getattr(options, field), str):
            raise HandlerError(f"{name}: {field} is a text, not {getattr(options, field)!r}")


def _duration(name: str, field: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        read = seconds(value)
    except (ValueError, TypeError) as error:
        raise HandlerError(f"{name}: {field}: {error}") from None
    if read <= 0 or math.isinf(read):
        raise HandlerError(f"{name}: {field} is more than 0 seconds, or None for none, not {value!r}")
    return read


def _unique(name: str, value: Any) -> Unique | None:
    match value:
        case None | False:
            return None
        case True:
            return Unique()
        case str():
            return Unique(key=value)
        case Unique():
            return value
    raise HandlerError(f"{name}: unique is a text, True or Unique(…), not {value!r}")


def _tags(name: str, value: Any) -> tuple[str, ...]:
    listed = isinstance(value, list | tuple | set | frozenset)
    if not listed or not all(isinstance(tag, str) for tag in value):
        raise HandlerError(f"{name}: tags is a list of texts, not {value!r}")
    tags = tuple(value)
    if len(tags) > MAX_TAGS or not all(1 <= len(tag) <= MAX_KEY for tag in tags):
        raise HandlerError(f"{name}: at most {MAX_TAGS} tags of 1 to {MAX_KEY} characters each")
    return tags


def _middleware(name: str, value: Any) -> tuple[Middleware, ...]:
    layers = tuple(value) if isinstance(value, list | tuple) else (value,)
    for layer in layers:
        if not callable(layer):
            raise HandlerError(
                f"{name}: middleware is a list of 'async def (ctx, call_next)', not {layer!r}"
            )
    return layers
