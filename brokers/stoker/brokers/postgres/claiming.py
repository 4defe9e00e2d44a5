"""Ready jobs go out: queues take turns, and within a queue the order of the index is the order."""

import re
from collections.abc import Iterable

import msgspec

from stoker.brokers.postgres import upkeep
from stoker.brokers.postgres.literals import texts
from stoker.brokers.postgres.records import claim_of
from stoker.brokers.postgres.session import Session
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet

ROUNDS = 50
"""How often one claim asks again because what it found had expired."""
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
        last = self.last(queues)
        begin = next((place for place, name in enumerate(asked.names) if name > last), 0)
        return msgspec.structs.replace(asked, names=asked.names[begin:] + asked.names[:begin])

    def last(self, queues: QueueSet) -> str:
        return self._last.get(queues, "")

    def began(self, queues: QueueSet, name: str) -> None:
        self._last[queues] = name


def _asked(queues: QueueSet) -> Asked:
    if any("*" in name or "?" in name for name in queues.include):
        return Asked((), expression(queues.include), expression(queues.exclude))
    names = tuple(sorted({name for name in queues.include if name in queues}))
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
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`."""
    asked = turns.asked(queues)
    levels = (0, 9, 1) if lowest_first else (9, 0, -1)
    names, after = texts(asked.names), turns.last(queues)
    taken: list[Claim] = []
    for _ in range(ROUNDS):
        wanted = limit - len(taken)
        found = await session.rows(
            session.sql.claim,
            *(names, after, asked.include, asked.exclude, *levels, wanted, token, worker, lease),
        )
        late = [row[0] for row in found if row[1] is None]
        taken += [claim_of(row, token) for row in found if row[1] is not None]
        if not late:
            break
        await upkeep.expire(session, late, len(late))
        if len(found) < wanted:
            break
    if taken:
        turns.began(queues, _first(after, {claim.queue for claim in taken}))
    return taken


def _first(after: str, names: set[str]) -> str:
    return min((name for name in names if name > after), default=min(names))
