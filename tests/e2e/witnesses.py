"""Two witnesses outside of what is tested: what the handlers wrote, and what the store was told.

The handlers append to a file when a run starts and when it is over. The store keeps a ledger of the
claims, by triggers or by its own log of writes: so it is known to the microsecond until when each
token's lease was good, and which token brought each end about. See `stores/`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from .stores.ledger import Claim, Ledger


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


def overlaps(
    runs: Mapping[str, list[Run]],
    ledger: Ledger,
    killed: Mapping[int, int],
    reaped: Collection[int] = (),
    *,
    forgetful: bool = False,
) -> Iterator[str]:
    """Everything that must not be, a sentence each.

    A run starts after another of its job only if that one was over, by itself or because its process
    had been killed; and only if it had given the job back, or its lease had ended, or its process was
    one of those that were `reaped` by a living parent. And each has a claim that the store knows of, or
    it was among those of a `forgetful` store that its crash took along.
    """
    if not forgetful:
        yield from (f"{run.job}: a run began without a claim" for run in unclaimed(runs, ledger))
    for job, of_job in runs.items():
        for earlier, later in pairwise(of_job):
            over, held = earlier.over(killed), ledger.claims[job, earlier.token]
            if over is None or over > later.started:
                yield f"{job}: a run began while the one in process {earlier.pid} went on"
            free = held.given_up is not None or earlier.pid in reaped
            if not free and later.started <= held.lease_until:
                early = (held.lease_until - later.started) / 1e9
                yield f"{job}: a run began {early:.3f} s before the lease of the former had ended"


def unclaimed(runs: Mapping[str, list[Run]], ledger: Ledger) -> list[Run]:
    """Runs of whose claim the store knows nothing: it gave it, and has lost it since."""
    return [
        run for of_job in runs.values() for run in of_job if (run.job, run.token) not in ledger.claims
    ]


def miscounts(jobs: list[str], runs: Mapping[str, list[Run]], ledger: Ledger) -> Iterator[str]:
    """Jobs that were not completed exactly once, by a run that went to its end; a sentence each."""
    for job in jobs:
        tokens = ledger.completed[job]
        if len(tokens) != 1:
            yield f"{job}: completed {len(tokens)} times"
        elif not any(run.token == tokens[0] and run.done for run in runs.get(job, ())):
            yield f"{job}: completed by a run that has not written its end"
