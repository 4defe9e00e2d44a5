"""What the state machine draws: jobs, settlements, filters, durations.

Every duration is an odd multiple of `HALF`, and time moves by whole steps of twice that. So nothing is
ever due within the moments that pass while two brokers are asked the same.
"""

from typing import Any, Protocol, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from stoker.brokers.conformance.making import EPOCH
from stoker.jobs.job import Holding, LogLine, NewJob, Report, Run, Settlement
from stoker.jobs.operating import Keep, Query
from stoker.jobs.recurring import Schedule
from stoker.jobs.state import FINAL, State

T = TypeVar("T")

HALF = 30.0
"""Seconds."""
QUEUES = ("a", "b", "c.x")


class Large(bytes):
    """JSON too large to be shown with every step."""

    def __repr__(self) -> str:
        return f"Large({len(self)} bytes)"


LARGE = Large(b'{"text":"' + b"x" * 5000 + b'"}')


class Draw(Protocol):
    """What a step draws with."""

    def __call__(self, strategy: SearchStrategy[T]) -> T: ...


durations = st.sampled_from([1 * HALF, 3 * HALF, 7 * HALF])
steps = st.sampled_from([2 * HALF, 2 * HALF, 4 * HALF, 10 * HALF, 3660.0, 90_000.0])
"""Seconds that pass at once: also more than an id, and more than a worker's row, is remembered for."""
OVERTAKEN_FROM, ANY_FROM = 25, 35
picks = st.integers(0, 40)
"""Which of those there are, counted from the newest."""
some = st.lists(picks, min_size=1, max_size=4)
seldom = st.sampled_from([False, False, False, True])
limits = st.integers(1, 6)
workers = st.sampled_from(["worker-1", "worker-2"])
queue_sets = st.sampled_from(
    [*[("*",)] * 6, ("a",), ("b",), ("a", "b"), ("c.*", "a"), ("*", "!a"), ("none",)]
)
pause_patterns = st.sampled_from(["a", "c.*"])
reasons = st.sampled_from([None, "why", "nul \0"])


def sometimes(strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Mostly None."""
    return st.one_of(st.none(), st.none(), strategy)


holdings = st.builds(
    Holding,
    st.sampled_from(["k1", "k2"]),
    st.sampled_from(["active", "waiting", 3 * HALF]),
    st.sampled_from(["existing", "error", "replace", "replace"]),
)
tags = st.sampled_from([(), ("x",), ("x", "y")])
jobs = st.builds(
    NewJob,
    id=st.just(""),
    type=st.sampled_from(["one", "two.x"]),
    queue=st.sampled_from(QUEUES),
    priority=st.sampled_from([0, 5, 5, 9]),
    payload=st.sampled_from([b"{}", b'{"n":1}', LARGE]),
    max_attempts=st.integers(1, 3),
    timeout=sometimes(st.just(9.0)),
    delay=st.one_of(st.just(0.0), durations),
    expires=sometimes(durations),
    tags=tags,
    unique=sometimes(holdings),
    recurring_id=sometimes(st.just("nightly")),
    headers=sometimes(st.just({"traceparent": "00-1"})),
)
"""Without an id, which the machine makes."""

lines = st.lists(
    st.builds(
        LogLine, st.just(EPOCH), st.sampled_from(["one", "two", "nul \0"]), attempt=st.integers(1, 2)
    ),
    max_size=3,
).map(tuple)
progress = sometimes(st.sampled_from([0.0, 50.0, float("nan")]))
runs = st.builds(
    Run,
    attempt=st.integers(1, 3),
    started_at=st.just(EPOCH),
    worker=sometimes(workers),
    outcome=st.sampled_from(["failed", "crashed"]),
    error=sometimes(st.just("ValueError: no")),
)
settlements = st.builds(
    Settlement,
    id=st.just(""),
    token=st.just(""),
    state=st.sampled_from(State),
    attempts=st.integers(0, 2),
    crashes=st.integers(0, 2),
    solo_deaths=st.integers(0, 1),
    returns=st.integers(0, 1),
    begun=st.booleans(),
    delay=st.one_of(st.just(0.0), durations),
    reason=reasons,
    result=sometimes(st.sampled_from([b"1", LARGE, b"NaN"])),
    error=sometimes(st.just("ValueError: no")),
    run=sometimes(runs),
    progress=progress,
    progress_message=reasons,
    logs=lines,
    dropped_logs=st.integers(0, 2),
)
"""Without id and token, which are those of a claim."""
reports = st.builds(
    Report,
    id=st.just(""),
    token=st.just(""),
    progress=progress,
    progress_message=reasons,
    logs=lines,
    dropped_logs=st.integers(0, 2),
)
retentions = st.dictionaries(
    st.sampled_from(sorted(FINAL)),
    st.sampled_from([Keep(age=HALF), Keep(age=3 * HALF, count=1000), Keep(count=0), Keep()]),
    min_size=1,
)
queries = st.one_of(
    st.just(Query()),
    st.builds(Query, states=st.lists(st.sampled_from(State), max_size=4, unique=True).map(tuple)),
    st.builds(
        Query,
        types=st.sampled_from([(), (), ("one",), ("two.*",), ("one", "t*")]),
        queues=st.sampled_from([(), (), ("a",), ("c.?", "b"), ("!",)]),
        tags=tags,
    ),
)

row_names = st.sampled_from(["a", "b", "Z", "\u00e4"])
schedules = st.builds(
    Schedule,
    type=st.just("one"),
    line=st.just("0 * * * *"),
    queue=st.sampled_from(QUEUES),
    payload=st.just(LARGE).map(msgspec.Raw),
    tags=tags,
    unique=sometimes(st.just(Holding("k1", 3 * HALF))),
)
slips = st.sampled_from([0] * 8 + [-1, 1])
"""By how much a revision is wrong."""
due_in = st.sampled_from([None, -3, -2, -1, 1, 2, 5])
"""Steps of time until a row is due."""
row_fields = st.fixed_dictionaries(
    {
        "planned": st.just(True),
        "enabled": st.sampled_from([True, True, True, False]),
        "held": st.booleans(),
        "missed": st.integers(0, 3),
        "trouble": reasons,
    }
)
change_counts = st.integers(1, 3)
job_counts = st.sampled_from([0, 0, 1, 2])
skip_reasons = st.sampled_from(["overlap", "nul \0"])
