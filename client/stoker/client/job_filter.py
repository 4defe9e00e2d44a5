"""Which jobs are meant, as users say it."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from stoker.jobs.codec import text_problem
from stoker.jobs.durations import Duration, seconds
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.limits import MAX_KEY
from stoker.jobs.operating import Query
from stoker.jobs.patterns import is_pattern
from stoker.jobs.state import State

T = TypeVar("T")


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that fit all that is given; within states, types and queues, one of what is given.

    Types and queues may be patterns such as "reports.*"; a job has all of the tags. A time is an aware
    datetime, ISO text, or how long ago, such as "24h"; `since` and `until` are about the job's
    creation, `finished_since` about its end. Raises InvalidFilter for what is none of it.
    """

    states: Sequence[State | str] = ()
    types: Sequence[str] = ()
    queues: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: datetime | Duration | None = None
    until: datetime | Duration | None = None
    finished_since: datetime | Duration | None = None

    def __post_init__(self) -> None:
        self.query()

    def query(self, now: datetime | None = None) -> Query:
        """The same as brokers take it, with times counted back from now."""
        now = now or datetime.now(UTC)
        return Query(
            states=_each("states", self.states, _state),
            types=_each("types", self.types, _pattern),
            queues=_each("queues", self.queues, _pattern),
            tags=_each("tags", self.tags, _tag),
            since=_moment("since", self.since, now),
            until=_moment("until", self.until, now),
            finished_since=_moment("finished_since", self.finished_since, now),
        )


def _each(field: str, values: object, read: Callable[[str], T | None]) -> tuple[T, ...]:
    # A text is a sequence of texts too; what is meant by one is clear.
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, Sequence | set | frozenset):
        raise InvalidFilter(f"{field} is a list of texts, not {values!r}")
    found: list[T] = []
    for value in listed:
        one = read(value) if isinstance(value, str) else None
        if one is None:
            raise InvalidFilter(f"{field}: {value!r} is {_WRONG[field]}")
        found.append(one)
    return tuple(dict.fromkeys(found))


_WRONG = {
    "states": f"no state: there are {', '.join(State)}",
    "types": "no type, and no pattern of types such as 'reports.*'",
    "queues": "no queue, and no pattern of queues such as 'reports.*'",
    "tags": f"no tag: those have 1 to {MAX_KEY} characters",
}


def _state(text: str) -> State | None:
    return State(text) if text in tuple(State) else None


def _pattern(text: str) -> str | None:
    return text if is_pattern(text) and not text.startswith("!") else None


def _tag(text: str) -> str | None:
    return text if 1 <= len(text) <= MAX_KEY and text_problem(text) is None else None


def _moment(field: str, value: Any, now: datetime) -> datetime | None:
    if value is None:
        return None
    said = _written(value) if isinstance(value, str) else value
    if isinstance(said, datetime):
        if said.utcoffset() is None:
            raise InvalidFilter(f"{field}={said.isoformat()} has no time zone: write it with one")
        return said
    try:
        return now - timedelta(seconds=seconds(said))
    except (ValueError, TypeError, OverflowError):
        raise InvalidFilter(
            f"{field}: {value!r} is no time: give an aware datetime, ISO text such as "
            "'2026-01-31T12:00:00Z', or how long ago, such as '24h'"
        ) from None


def _written(text: str) -> datetime | str:
    """A day, which begins in UTC, or a time; the text itself if it is neither."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        # Digits alone are seconds, also where ISO would see a date without dashes.
        return text if text.isdigit() else datetime.fromisoformat(text)
    except ValueError:
        return text
