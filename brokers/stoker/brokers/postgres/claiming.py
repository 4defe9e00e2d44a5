"""Ready jobs go out: queues take turns, and within a queue the order of the index is the order."""

import re
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from stoker.brokers.postgres import upkeep
from stoker.brokers.postgres.literals import moments, plain, texts
from stoker.brokers.postgres.records import claim_of
from stoker.brokers.postgres.session import Session
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet, matches

ROUNDS = 50
"""How often one claim asks again because what it found had expired."""
FLOORS_FROM = 10
"""Jobs, taken by claims that all got what they asked for, from which on it is a backlog."""
FLOORS_BEHIND = timedelta(seconds=10)
"""How long ago a job must have become due: nearer to now, others come in beneath it all the time."""
FLOORS_LAST = 1.0
"""Seconds until a claim looks from the beginning again."""
FLOORS_MOST = 50
NAMES_AT_FIRST = 50
"""Names that a claim hands over before it knows that it needs more: most are full after one queue."""
NOTHING = "^$"
"""What no queue is called."""


class Asked(msgspec.Struct, frozen=True):
    """A set of queues, as the statement wants to hear it."""

    names: tuple[str, ...]
    """The queues of a set without patterns, by name; empty for any other."""
    include: str
    exclude: str


class Turns:
    """Which queue each set begins with. One per broker instance."""

    def __init__(self) -> None:
        self._last: dict[QueueSet, str] = {}
        self._asked: dict[QueueSet, Asked] = {}

    def asked(self, queues: QueueSet) -> Asked:
        """What to ask for, the queue after the last beginning first."""
        asked = self._asked.get(queues)
        if asked is None:
            asked = self._asked[queues] = _asked(queues)
        if len(asked.names) < 2:
            return asked
        begin = bisect_right(asked.names, self.last(queues))
        return msgspec.structs.replace(asked, names=asked.names[begin:] + asked.names[:begin])

    def last(self, queues: QueueSet) -> str:
        return self._last.get(queues, "")

    def began(self, queues: QueueSet, name: str) -> None:
        self._last[queues] = name


class Floors:
    """Up to which time queues have been drained, of late. One per broker instance.

    Where a deep backlog is drained, a claim would step over the dead entries of all that were taken
    before, for as long as no vacuum may remove them. What comes in beneath a floor, such as a job that
    was given a time long ago, is found when the floor is forgotten.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[datetime, float]] = {}
        self._drained = 0

    def known(self) -> list[tuple[str, int, datetime]]:
        """Queue, priority and time of those that still count."""
        if not self._known:
            return []
        now = time.monotonic()
        self._known = {key: floor for key, floor in self._known.items() if floor[1] > now}
        return [(*key, at) for key, (at, _) in self._known.items()]

    def learn(self, taken: Sequence[Claim]) -> None:
        """From a claim that got all that it asked for."""
        self._drained += len(taken)
        if self._drained < FLOORS_FROM:
            return
        last: dict[tuple[str, int], Claim] = {}
        for claim in taken:
            last[claim.queue, claim.priority] = claim
        until = time.monotonic() + FLOORS_LAST
        for key, claim in last.items():
            if claim.started_at - claim.scheduled_at > FLOORS_BEHIND and len(self._known) < FLOORS_MOST:
                self._known[key] = claim.scheduled_at, self._known.get(key, (None, until))[1]

    def forget(self) -> None:
        """After a claim that did not."""
        self._known.clear()
        self._drained = 0


def _asked(queues: QueueSet) -> Asked:
    if any("*" in name or "?" in name for name in queues.include):
        return Asked((), expression(queues.include), expression(queues.exclude))
    names = tuple(sorted(name for name in set(queues.include) if not matches(name, queues.exclude)))
    # Without a name left it is a set of nothing, and not one of everything.
    return Asked(names, NOTHING, NOTHING)


def expression(patterns: Iterable[str]) -> str:
    """A regular expression for what fits one of these patterns (`*` and `?`)."""
    written = [
        "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
        for pattern in patterns
    ]
    return f"^({'|'.join(written)})$" if written else NOTHING


async def claim(
    session: Session,
    turns: Turns,
    floors: Floors,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`."""
    after = turns.last(queues)
    levels = (0, 9, 1) if lowest_first else (9, 0, -1)
    taken: list[Claim] = []
    for asked in _parts(turns.asked(queues)):
        want = asked, after, levels, limit - len(taken)
        taken += await _take(session, floors, want, worker=worker, token=token, lease=lease)
        if len(taken) == limit:
            break
    if len(taken) == limit and not lowest_first:
        floors.learn(taken)
    if taken:
        turns.began(queues, _first(after, {claim.queue for claim in taken}))
    return taken


def _parts(asked: Asked) -> Iterator[Asked]:
    """The same set in two, if it has a great many names."""
    for names in filter(None, (asked.names[:NAMES_AT_FIRST], asked.names[NAMES_AT_FIRST:])):
        yield msgspec.structs.replace(asked, names=names)
    if not asked.names:
        yield asked


Want = tuple[Asked, str, tuple[int, int, int], int]
"""Which queues; behind which one those that fit begin; the priorities as a range; how many jobs."""


async def _take(
    session: Session, floors: Floors, want: Want, *, worker: str, token: str, lease: float
) -> list[Claim]:
    asked, after, levels, limit = want
    names = texts(asked.names)
    taken: list[Claim] = []
    for _ in range(ROUNDS):
        wanted, known = limit - len(taken), floors.known()
        found = await session.rows(
            session.sql.claim,
            *(names, after, asked.include, asked.exclude, *levels, wanted, token, worker, lease),
            *(texts(each[0] for each in known), plain(each[1] for each in known)),
            moments(each[2] for each in known),
        )
        late = [row[0] for row in found if row[1] is None]
        taken += [claim_of(row, token) for row in found if row[1] is not None]
        if late:
            await upkeep.expire(session, late, len(late))
        if len(found) < wanted:
            floors.forget()
        if not late and (len(found) == wanted or not known):
            break  # else there may be more behind the late ones, or beneath the floors
    return taken


def _first(after: str, names: set[str]) -> str:
    return min((name for name in names if name > after), default=min(names))
