"""What `enqueue` and `enqueue_many` are asked for, one record for each job."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stoker.client.options import NOTHING
from stoker.client.wording import shown
from stoker.jobs.calls import Call, EnqueueOptions
from stoker.jobs.errors import InvalidJob

Entry = Call[Any] | tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], EnqueueOptions]
"""What `enqueue_many` takes."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A call, or a name with arguments, as it was given: nothing of it is checked yet."""

    call: Any
    arguments: Any = None
    options: EnqueueOptions = NOTHING
    returns: Any = None


def asked(entries: Iterable[Entry]) -> Iterator[Asked]:
    """Each entry as a record, made when it is asked for: InvalidJob for what is no entry comes then.

    The entries themselves are taken at once, in the caller's thread: they may come from a database.
    """
    if isinstance(entries, Call | str | Mapping) or not isinstance(entries, Iterable):
        raise InvalidJob(f"enqueue_many takes a list of calls, not {shown(entries)}")
    return map(_one, tuple(entries))


def _one(entry: object) -> Asked:
    match entry:
        case Call():
            return Asked(entry)
        case (str() as name, arguments):
            return Asked(name, arguments)
        case (str() as name, arguments, EnqueueOptions() as options):
            return Asked(name, arguments, options)
    raise refusal(entry)


def refusal(given: object) -> InvalidJob:
    """What to say of something that is neither a call nor a name."""
    if hasattr(given, "bind"):
        return InvalidJob(f"{shown(given)} is a handler: give a call of it, made by its `bind(…)`")
    return InvalidJob(
        f"{shown(given)} is no job: give a call, made by a handler's `bind(…)`, or a name and arguments"
    )
