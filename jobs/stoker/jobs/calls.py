"""A handler with its arguments, on the way to a client: typed by what the handler returns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

from stoker.jobs.durations import Duration
from stoker.jobs.job import OnConflict
from stoker.jobs.operating import TypeInfo

R = TypeVar("R", covariant=True)


class Unique(msgspec.Struct, frozen=True):
    """At most one job at a time with this key, within its queue.

    The key is `key`, or made of the job's type and the arguments named by `by`, or, with neither, of
    the type and all arguments. `scope`: "active" while the job is pending, running or retrying;
    "waiting" until it starts; a duration, for so long from its creation, whatever becomes of it.
    """

    key: str | None = None
    by: Sequence[str] | None = None
    scope: Literal["active", "waiting"] | Duration = "active"
    on_conflict: OnConflict = "existing"


class EnqueueOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is to be enqueued; None leaves it to the handler, or to the system's defaults."""

    id: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: Duration | None = None
    at: datetime | None = None
    tags: Sequence[str] | None = None
    unique: str | bool | Unique | None = None
    expires: Duration | None = None
    max_attempts: int | None = None
    timeout: Duration | None = None
    headers: Mapping[str, str] | None = None

    def over(self, below: "EnqueueOptions") -> "EnqueueOptions":
        """These options where they say something, else those below.

        `delay` and `at` say one thing in two ways: either of them here replaces both below.
        """
        chosen = {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None
        }
        if self.delay is not None or self.at is not None:
            chosen |= {"delay": self.delay, "at": self.at}
        return msgspec.structs.replace(below, **chosen)


class Call(Generic[R]):
    """A handler's type with validated arguments. Made by `bind`; given to `enqueue`."""

    __slots__ = ("arguments", "chosen", "defaults", "payload", "returns")

    def __init__(
        self,
        defaults: TypeInfo,
        arguments: Mapping[str, Any],
        payload: bytes,
        returns: Any = Any,
        chosen: EnqueueOptions | None = None,
    ) -> None:
        self.defaults = defaults
        """What the handler says of its type: queue, priority, limits."""
        self.arguments = arguments
        self.payload = payload
        self.returns = returns
        """The type of the result, for decoding it."""
        self.chosen = chosen or EnqueueOptions()

    @property
    def type(self) -> str:
        return self.defaults.name

    def options(
        self,
        *,
        id: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        delay: Duration | None = None,
        at: datetime | None = None,
        tags: Sequence[str] | None = None,
        unique: str | bool | Unique | None = None,
        expires: Duration | None = None,
        max_attempts: int | None = None,
        timeout: Duration | None = None,
    ) -> "Call[R]":
        """The same call, to be enqueued like this. Options given to `enqueue` itself win."""
        options = EnqueueOptions(
            id=id,
            queue=queue,
            priority=priority,
            delay=delay,
            at=at,
            tags=tags,
            unique=unique,
            expires=expires,
            max_attempts=max_attempts,
            timeout=timeout,
        )
        return Call(
            self.defaults, self.arguments, self.payload, self.returns, options.over(self.chosen)
        )

    def __repr__(self) -> str:
        return f"<Call {self.type} {self.payload[:60].decode(errors='replace')}>"
