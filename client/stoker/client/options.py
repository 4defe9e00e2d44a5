"""What can be said of a job when it is enqueued."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypedDict

from stoker.jobs.calls import EnqueueOptions, Unique
from stoker.jobs.durations import Duration
from stoker.jobs.errors import InvalidJob

NOTHING = EnqueueOptions()
"""Nothing is said: handler, catalogue and system decide."""


class Options(TypedDict, total=False):
    """The keywords of `enqueue`; what is left out, or None, is as the handler or the default says."""

    id: str | None
    """A UUIDv7 that leads to the queue, as `stoker.jobs.ids` makes them: enqueued twice, one job."""
    queue: str | None
    priority: int | None
    """0 to 9, higher first."""
    delay: Duration | None
    at: datetime | None
    """Not before this time, which is an aware one; instead of `delay`."""
    tags: Sequence[str] | None
    unique: str | bool | Unique | None
    """A key, True for type and arguments, or more precisely; False for none."""
    expires: Duration | None
    """From now: a job that has not started by then is skipped."""
    max_attempts: int | None
    """Runs, the first included."""
    timeout: Duration | None
    """For each run."""
    headers: Mapping[str, str] | None
    """What travels with the job for other programs, such as a trace context."""


def read_options(given: Mapping[str, Any]) -> EnqueueOptions:
    """The keywords as a record. Raises InvalidJob for one that there is not."""
    if not given:
        return NOTHING
    if unknown := given.keys() - Options.__annotations__.keys():
        name = sorted(unknown)[0]
        known = sorted(Options.__annotations__)
        close = get_close_matches(name, known, 1)
        hint = f"perhaps {close[0]!r}" if close else f"there are {', '.join(known)}"
        raise InvalidJob(f"there is no option {name!r}: {hint}")
    return EnqueueOptions(**given)
