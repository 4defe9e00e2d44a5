"""Two witnesses outside of what is tested: what the handlers wrote, and what the store was told.

The handlers append to a file when a run starts and when it is over. In the store, a trigger keeps a
ledger of the claims: so it is known to the microsecond until when each token's lease was good.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

MICROSECOND = 1000
"""In nanoseconds: the store counts in the one, the handlers in the other."""

_LEDGER = """
CREATE TABLE ledger (
    job TEXT, state_was TEXT, token_was TEXT, state TEXT, token TEXT, lease_until INTEGER
);
CREATE TRIGGER ledger_kept AFTER UPDATE OF state, token, lease_until ON stoker_job BEGIN
    INSERT INTO ledger
    VALUES (new.id, old.state, old.token, new.state, new.token, new.lease_until);
END;
"""


Claim = tuple[str, str]
"""The job, and the token; jobs that were claimed together have the same."""


class Run(msgspec.Struct):
    """What the effects say of one run; times are nanoseconds since the boot."""

    job: str
    token: str
    pid: int
    started: int
    done: int | None = None
    cut: int | None = None

    def over(self, killed: Mapping[int, int]) -> int | None:
        """When it was certainly over; `killed`: when which process was."""
        ends = (self.done, self.cut, killed.get(self.pid))
        return min((end for end in ends if end is not None), default=None)


class Held(msgspec.Struct):
    """What the ledger says of one claim."""

    lease_until: int = 0
    """The latest that was ever written, in nanoseconds since the boot."""
    given_up: str | None = None
    """The state that its own settlement brought about; None if it was taken from it, or holds."""


def read_runs(effects: Path) -> dict[str, list[Run]]:
    """The runs of each job, in the order in which they started."""
    runs: dict[Claim, Run] = {}
    for line in effects.read_text().splitlines():
        what, job, token, pid, at = line.split()
        if what == "start":
            assert (job, token) not in runs, f"two runs of {job} began with one token"
            runs[job, token] = Run(job, token, int(pid), int(at))
        else:
            setattr(runs[job, token], what, int(at))
    by_job: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs.values(), key=lambda run: run.started):
        by_job[run.job].append(run)
    return by_job


class Ledger:
    """What became of each claim, as the store wrote it down."""

    def __init__(self, database: Path) -> None:
        self.claims: dict[Claim, Held] = defaultdict(Held)
        self.completed: dict[str, list[str]] = defaultdict(list)
        """By job, the tokens that completed it."""
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT * FROM ledger ORDER BY rowid").fetchall()
        connection.close()
        for job, state_was, token_was, state, token, lease_until in rows:
            if token is not None and lease_until is not None:
                held = self.claims[job, token]
                held.lease_until = max(held.lease_until, lease_until * MICROSECOND)
            if state_was == "running" and state != "running":
                self.claims[job, token_was].given_up = state
                if state == "completed":
                    self.completed[job].append(token_was)

    @staticmethod
    def keep(database: Path) -> None:
        """Begin to keep it, before anybody works."""
        connection = sqlite3.connect(database)
        connection.executescript(_LEDGER)
        connection.close()


def overlaps(
    runs: Mapping[str, list[Run]],
    ledger: Ledger,
    killed: Mapping[int, int],
    reaped: Collection[int] = (),
) -> Iterator[str]:
    """Everything that must not be, a sentence each.

    A run starts after another of its job only if that one was over, by itself or because its process
    had been killed; and only if it had given the job back, or its lease had ended, or its process was
    one of those that were `reaped` by a living parent.
    """
    for job, of_job in runs.items():
        for earlier, later in pairwise(of_job):
            over, held = earlier.over(killed), ledger.claims[job, earlier.token]
            if over is None or over > later.started:
                yield f"{job}: a run began while the one in process {earlier.pid} went on"
            free = held.given_up is not None or earlier.pid in reaped
            if not free and later.started <= held.lease_until:
                early = (held.lease_until - later.started) / 1e9
                yield f"{job}: a run began {early:.3f} s before the lease of the former had ended"


def miscounts(jobs: list[str], runs: Mapping[str, list[Run]], ledger: Ledger) -> Iterator[str]:
    """Jobs that were not completed exactly once, by a run that went to its end; a sentence each."""
    for job in jobs:
        tokens = ledger.completed[job]
        if len(tokens) != 1:
            yield f"{job}: completed {len(tokens)} times"
        elif not any(run.token == tokens[0] and run.done for run in runs.get(job, ())):
            yield f"{job}: completed by a run that has not written its end"
