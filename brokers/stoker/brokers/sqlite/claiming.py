"""Ready jobs go out: queues take turns, and within a queue the order of the index is the order."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, takewhile

from stoker.brokers.instant import moment
from stoker.brokers.sqlite.records import claim_of, numbers_text
from stoker.brokers.sqlite.transaction import Rows, Transaction
from stoker.jobs.job import Claim
from stoker.jobs.patterns import QueueSet, matches

_BEFORE_CLAIM = 5
"""Columns of `claim_ready` before those of the claim: seq, state, started_at, unique key and scope."""
_ATTEMPTS, _EXPIRES_AT = 5, -1
"""Places among the columns of the claim."""
ROUNDS = 50
"""How often one claim asks one queue again because what it found had expired."""
NAMES_AT_FIRST = 4
"""Queues that a claim looks up before it knows that it needs more."""


class Turn:
    """Whose turn it is among the queues of one set."""

    def __init__(self, queues: QueueSet) -> None:
        self.last = ""
        """The queue that the last claim began with."""
        self._queues = queues
        self._has_patterns = any("*" in name or "?" in name for name in queues.include)
        self._named = sorted(name for name in set(queues.include) if not matches(name, queues.exclude))
        self._held: dict[str, bool] = {}

    def names(self, tx: Transaction) -> Iterator[str]:
        """Queues that may have work, from the one after the last beginning on.

        These are the set's own, if it has no patterns; else those that do have work.
        """
        if self._has_patterns:
            return filter(self._holds, self._with_work(tx))
        begin = bisect_right(self._named, self.last)
        return chain(self._named[begin:], self._named[:begin])

    def _with_work(self, tx: Transaction) -> Iterator[str]:
        last = self.last
        yield from _upward(tx, last)
        if last:
            yield from takewhile(lambda name: name <= last, _upward(tx, ""))

    def _holds(self, name: str) -> bool:
        held = self._held.get(name)
        if held is None:
            if len(self._held) > 100_000:
                self._held.clear()
            held = self._held[name] = name in self._queues
        return held


class Turns(dict[QueueSet, Turn]):
    """That of each set. One per broker instance."""

    def __missing__(self, queues: QueueSet) -> Turn:
        turn = self[queues] = Turn(queues)
        return turn


def claim(
    tx: Transaction,
    turns: Turns,
    queues: QueueSet,
    limit: int,
    *,
    worker: str,
    token: str,
    lease: int,
    lowest_first: bool,
) -> list[Claim]:
    """Take ready jobs; see `Work.claim`. `lease` is in microseconds."""
    turn = turns[queues]
    paused = [row[0] for row in tx.rows("SELECT pattern FROM stoker_pause")]
    taken: list[Claim] = []
    lease_until = tx.now.boot + lease
    for name in turn.names(tx):
        if paused and matches(name, paused):
            continue
        before = len(taken)
        for _ in range(ROUNDS):
            wanted = limit - len(taken)
            rows = _next(tx, name, wanted, lowest_first)
            _take(tx, rows, taken, worker=worker, token=token, lease_until=lease_until)
            if len(rows) < wanted or len(taken) == limit:
                break
        if len(taken) > before == 0:
            turn.last = name
        if len(taken) == limit:
            break
    return taken


def _upward(tx: Transaction, after: str) -> Iterator[str]:
    """The names of queues that have ready jobs, behind this one: a few at first, for most claims are
    full after one."""
    most = NAMES_AT_FIRST
    while True:
        names = [row[0] for row in tx.rows(tx.sql.queues_ready, (after, most))]
        yield from names
        if len(names) < most:
            return
        after, most = names[-1], 2 * most


def _next(tx: Transaction, queue: str, limit: int, lowest_first: bool) -> Rows:
    if not lowest_first:
        return tx.rows(tx.sql.claim_ready, (queue, limit))
    rows: Rows = []
    for priority in range(10):
        rows += tx.rows(tx.sql.claim_lowest, (queue, priority, limit - len(rows)))
        if len(rows) >= limit:
            break
    return rows


def _take(
    tx: Transaction, rows: Rows, taken: list[Claim], *, worker: str, token: str, lease_until: int
) -> None:
    now = tx.now.wall
    started = moment(now)
    starting: list[int] = []
    retrying = 0
    for row in rows:
        seq, state, started_at, unique_key, unique_scope = row[:_BEFORE_CLAIM]
        columns = row[_BEFORE_CLAIM:]
        if (
            started_at is None
            and (expires_at := columns[_EXPIRES_AT]) is not None
            and expires_at <= now
        ):
            skip(tx, seq, columns[0], columns[2], state, True, unique_key)
            continue
        if unique_scope == "waiting":
            tx.execute(tx.sql.unique_release, (columns[2], unique_key, seq))
        taken.append(claim_of(columns, token, started, attempts=columns[_ATTEMPTS] + 1))
        starting.append(seq)
        retrying += state == "retrying"
    if starting:
        tx.execute(tx.sql.claim_take, (token, lease_until, worker, now, numbers_text(starting)))
        queue, count = taken[-1].queue, len(starting)
        tx.count(queue, "ready", retrying - count)
        tx.count(queue, "retrying", -retrying)
        tx.count(queue, "running", count)


def skip(
    tx: Transaction, seq: int, id: str, queue: str, state: str, ready: bool, unique_key: str | None
) -> None:
    """A waiting job has expired."""
    tx.execute(tx.sql.claim_skip, (tx.now.wall, seq))
    if unique_key is not None:
        tx.execute(tx.sql.unique_release, (queue, unique_key, seq))
    tx.count(queue, waiting_count(state, ready), -1)
    tx.count(queue, "skipped")
    tx.notes.settled.append(id)


def waiting_count(state: str, ready: bool) -> str:
    """Under which name a waiting job is counted."""
    if state == "pending":
        return "ready" if ready else "delayed"
    return state
