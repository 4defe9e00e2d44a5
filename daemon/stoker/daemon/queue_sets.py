"""From the `queues:` of a configuration to the lanes that work them."""

from collections.abc import Sequence

from stoker.daemon.settings import QueueLimit
from stoker.jobs.patterns import QueueSet


def lanes_of(queues: Sequence[str | QueueLimit]) -> list[tuple[str, QueueSet, int | None]]:
    """Name, queues and bound of each lane.

    A queue with a limit has a lane of its own, which the others leave out; `!name` leaves it out of
    all of them.
    """
    plain = [entry for entry in queues if isinstance(entry, str)]
    limited = [entry for entry in queues if isinstance(entry, QueueLimit)]
    left_out = [entry for entry in plain if entry.startswith("!")]
    lanes: list[tuple[str, QueueSet, int | None]] = []
    if plain and (len(left_out) < len(plain) or not limited):
        names = [*plain, *(f"!{entry.name}" for entry in limited)]
        lanes.append((",".join(plain), QueueSet.parse(names), None))
    taken: list[str] = []
    for entry in limited:
        lanes.append((entry.name, QueueSet.parse([entry.name, *left_out, *taken]), entry.limit))
        taken.append(f"!{entry.name}")
    return lanes
