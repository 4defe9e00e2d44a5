"""Ready jobs go out: queues take turns, and within a queue the order of the index is the order."""

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


class Turns:
    """Which queue each set begins with, and which names it holds. One per broker instance."""

    def __init__(self) -> None:
        self._last: dict[QueueSet, str] = {}
        self._holds: dict[tuple[QueueSet, str], bool] = {}

    def order(self, queues: QueueSet, names: list[str]) -> list[str]:
        """Those of these names that are in the set, from the one after the last beginning on."""
        mine = [name for name in names if self._in(queues, name)]
        if len(mine) < 2:
            return mine
        last = self._last.get(queues, "")
        begin = next((place for place, name in enumerate(mine) if name > last), 0)
        return mine[begin:] + mine[:begin]

    def began(self, queues: QueueSet, name: str) -> None:
        self._last[queues] = name

    def _in(self, queues: QueueSet, name: str) -> bool:
        key = queues, name
        held = self._holds.get(key)
        if held is None:
            if len(self._holds) > 100_000:
                self._holds.clear()
            held = self._holds[key] = name in queues
        return held


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
    names = turns.order(queues, _names(tx, queues))
    if names and (paused := [row[0] for row in tx.rows("SELECT pattern FROM stoker_pause")]):
        names = [name for name in names if not matches(name, paused)]
    taken: list[Claim] = []
    lease_until = tx.now.boot + lease
    for name in names:
        before = len(taken)
        for _ in range(ROUNDS):
            wanted = limit - len(taken)
            rows = _next(tx, name, wanted, lowest_first)
            _take(tx, rows, taken, worker=worker, token=token, lease_until=lease_until)
            if len(rows) < wanted or len(taken) == limit:
                break
        if len(taken) > before == 0:
            turns.began(queues, name)
        if len(taken) == limit:
            break
    return taken


def _names(tx: Transaction, queues: QueueSet) -> list[str]:
    """Queues that may have work: the set's own, if it has no patterns; else those that do have."""
    if not any("*" in name or "?" in name for name in queues.include):
        return sorted(queues.include)
    return [row[0] for row in tx.rows(tx.sql.queues_ready)]


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
