"""What is wrong with values that are right each for itself. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from stoker.daemon.configuration.configuration import Configuration
from stoker.daemon.settings import QueueLimit, Settings
from stoker.jobs.durations import text
from stoker.jobs.patterns import is_name

SHORTEST_LEASE = 1.0
"""Seconds. It is renewed every third of that, and a renewal may take a fifth."""
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def contradictions(configuration: Configuration) -> list[str]:
    """A sentence for each, with the place; empty if the settings hold together."""
    settings = configuration.settings
    return [configuration.located(key, f"{key} {what}") for key, what in _all(settings)]


def _all(settings: Settings) -> Iterator[tuple[str, str]]:
    if not is_name(settings.service):
        yield "service", f"must be a name of letters, digits and _ . : -, not {settings.service!r}"
    if settings.lease < SHORTEST_LEASE:
        yield (
            "lease",
            f"must be at least {text(SHORTEST_LEASE)}, or it could not be renewed in time, "
            f"not {text(settings.lease)}",
        )
    yield from _queues(settings)
    if settings.processes > 1 and settings.broker.startswith("memory:"):
        yield (
            "processes",
            f"must be 1 with a memory:// broker, which lives in one process, not {settings.processes}",
        )
    for name in settings.middleware:
        if not _FUNCTION.fullmatch(name):
            yield "middleware", f"must be written as module:function, not {name!r}"


def _queues(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.queues and settings.mode == "consumer":
        yield "queues", "must name a queue or a pattern; `mode: producer` works none"
    names = (queue.name if isinstance(queue, QueueLimit) else queue for queue in settings.queues)
    for name, count in Counter(names).items():
        if count > 1:
            yield "queues", f"must name each queue once, and {name} stands there {count} times"
