"""Where a job goes after each ending, as a table."""

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.jobs.job import Claim, Run, Settlement
from stoker.jobs.outcome import (
    CRASH_DELAYS,
    SOLO_DEATHS_ALLOWED,
    UNKNOWN_DELAYS,
    Cancel,
    Crashed,
    Done,
    Ending,
    Fail,
    Outcome,
    Raised,
    Released,
    RetryAfter,
    Skip,
    Skipped,
    Snooze,
    Snoozed,
    Stopped,
    UnknownType,
    decide,
)
from stoker.jobs.retry import Retry
from stoker.jobs.state import FINAL, MOVES, State

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(attempt=1, started_at=START, ended_at=START + timedelta(seconds=3), worker="host:1")
CLAIM = Claim(
    id="an id",
    token="a token",
    type="mail.send",
    queue="mail",
    priority=5,
    payload=b"{}",
    attempts=1,
    max_attempts=6,
    created_at=START,
    scheduled_at=START,
    started_at=START,
)
LAST = msgspec.structs.replace(CLAIM, attempts=6)
WISHED = msgspec.structs.replace(CLAIM, cancel_requested=True, cancel_reason="not needed")

ENDINGS: list[Ending] = [
    Done(b"1"),
    Raised("ValueError: no"),
    Raised("ValueError: no", for_good=True),
    Raised("timed out", timed_out=True),
    Raised("busy", delay=30.0),
    Snoozed(60.0),
    Stopped("not needed"),
    Skipped("nothing to do"),
    Released("shutdown"),
    Released("shutdown", started=False),
    UnknownType(),
    Crashed(),
    Crashed(solo=True),
]


def settle(claim: Claim, ending: Ending, random: float = 0.0) -> Settlement:
    return decide(claim, ending, retry=Retry(), jitter=lambda: random, run=RUN)


def expected(claim: Claim, state: str, **fields: Any) -> Settlement:
    """The settlement of this claim that says nothing but this."""
    entry = {key: fields.pop(key) for key in ("outcome", "traceback") if key in fields}
    if entry:
        fields["run"] = msgspec.structs.replace(RUN, error=fields.pop("told", None), **entry)
    counts = {"attempts": claim.attempts, "crashes": claim.crashes, "solo_deaths": claim.solo_deaths}
    return Settlement(id=claim.id, token=claim.token, state=State(state), **{**counts, **fields})


BACK = {"attempts": 0}  # the run's number is given back
DETAIL = "its worker died or lost touch"
FAILED = {"outcome": "failed", "told": "no", "error": "no"}

# The ending of a first run of six, with no wish to cancel.
FIRST: list[tuple[Ending, dict[str, Any]]] = [
    (Done(b"[1]"), {"state": "completed", "result": b"[1]"}),
    (Done(), {"state": "completed"}),
    (Done(None, "too large"), {"state": "completed", "reason": "too large"}),
    (Raised("no"), {"state": "retrying", "delay": 120.0, **FAILED}),
    (
        Raised("no", "the stack"),
        {"state": "retrying", "delay": 120.0, "traceback": "the stack", **FAILED},
    ),
    (
        Raised("no", timed_out=True),
        {"state": "retrying", "delay": 120.0, **FAILED, "outcome": "timeout"},
    ),
    (Raised("no", delay=5.0), {"state": "retrying", "delay": 5.0, **FAILED}),
    (Raised("no", delay=0.0), {"state": "retrying", "delay": 0.0, **FAILED}),
    (Raised("no", for_good=True), {"state": "failed", "reason": "not retryable", **FAILED}),
    (Snoozed(60.0), {"state": "pending", "delay": 60.0, **BACK, "outcome": "snoozed"}),
    (Stopped("bye"), {"state": "cancelled", "reason": "bye", "outcome": "cancelled", "told": "bye"}),
    (Stopped(), {"state": "cancelled", "outcome": "cancelled"}),
    (Skipped("none"), {"state": "skipped", "reason": "none", "outcome": "skipped", "told": "none"}),
    (Released("stop"), {"state": "pending", **BACK, "outcome": "released", "told": "stop"}),
    (Released("stop", started=False), {"state": "pending", **BACK, "begun": False}),
    (UnknownType(), {"state": "pending", **BACK, "begun": False, "delay": 5.0, "returns": 1}),
    (Crashed(), {"state": "pending", **BACK, "crashes": 1, "outcome": "crashed", "told": DETAIL}),
    (
        Crashed(solo=True, detail="signal 11"),
        {
            "state": "pending",
            **BACK,
            "crashes": 1,
            "solo_deaths": 1,
            "outcome": "crashed",
            "told": "signal 11",
        },
    ),
]


@pytest.mark.parametrize(("ending", "wanted"), FIRST)
def test_the_first_run_of_a_job_leads_here(ending: Ending, wanted: dict[str, Any]) -> None:
    assert settle(CLAIM, ending) == expected(CLAIM, **wanted)


# The last run that the job has, where it makes a difference.
SPENT: list[tuple[Ending, dict[str, Any]]] = [
    (Raised("no"), {"state": "failed", "reason": "attempts used up", **FAILED}),
    (Raised("no", delay=5.0), {"state": "failed", "reason": "attempts used up", **FAILED}),
    (Raised("no", for_good=True), {"state": "failed", "reason": "not retryable", **FAILED}),
    (Snoozed(60.0), {"state": "pending", "delay": 60.0, "attempts": 5, "outcome": "snoozed"}),
    (Released("stop", started=False), {"state": "pending", "attempts": 5}),
    (Done(b"1"), {"state": "completed", "result": b"1"}),
]


@pytest.mark.parametrize(("ending", "wanted"), SPENT)
def test_the_last_run_of_a_job_leads_here(ending: Ending, wanted: dict[str, Any]) -> None:
    assert settle(LAST, ending) == expected(LAST, **wanted)


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_a_wish_to_cancel_closes_every_way_back_to_a_queue(ending: Ending) -> None:
    with_wish, without = settle(WISHED, ending), settle(CLAIM, ending)
    assert with_wish.state in FINAL
    if without.state in FINAL:
        assert with_wish == without
    else:
        assert (with_wish.state, with_wish.reason) == (State.CANCELLED, "not needed")
        assert with_wish.delay == 0.0
        # What was counted and kept of the run is the same.
        assert with_wish.run == without.run
        assert with_wish.attempts == without.attempts
        assert (with_wish.crashes, with_wish.solo_deaths) == (without.crashes, without.solo_deaths)


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
@pytest.mark.parametrize("claim", [CLAIM, LAST, WISHED], ids=["first", "last", "wished"])
def test_only_the_moves_of_the_table_are_made(claim: Claim, ending: Ending) -> None:
    settlement = settle(claim, ending)
    assert settlement.state in MOVES[State.RUNNING]
    assert (settlement.id, settlement.token) == (claim.id, claim.token)


SPENDS_NOTHING = Snoozed | Released | UnknownType | Crashed


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
@pytest.mark.parametrize("deaths", [0, 2, 7])
def test_snoozes_releases_and_crashes_give_the_runs_number_back(ending: Ending, deaths: int) -> None:
    claim = msgspec.structs.replace(LAST, solo_deaths=deaths)
    assert settle(claim, ending).attempts == 6 - isinstance(ending, SPENDS_NOTHING)


def test_every_kind_of_ending_is_tried_here() -> None:
    assert {type(ending) for ending in ENDINGS} == set(get_args(Ending))


def test_failed_runs_wait_longer_each_time() -> None:
    waits = [
        settle(msgspec.structs.replace(CLAIM, attempts=attempt), Raised("no")).delay
        for attempt in range(1, 6)
    ]
    assert waits == [120.0, 240.0, 480.0, 960.0, 1920.0]


def test_the_wait_is_lengthened_by_the_jitter_that_is_given() -> None:
    assert settle(CLAIM, Raised("no"), random=0.5).delay == pytest.approx(126.0)


def test_a_wait_that_the_handler_asked_for_has_no_jitter() -> None:
    assert settle(CLAIM, Raised("no", delay=30.0), random=0.9).delay == 30.0


def test_a_run_of_which_nothing_is_known_leaves_no_history() -> None:
    for ending in ENDINGS:
        assert decide(CLAIM, ending, retry=Retry(), jitter=lambda: 0.0).run is None


def lives(claim: Claim, ending: Ending) -> Iterator[Settlement]:
    """The settlements of a job that ends like this again and again."""
    while True:
        settlement = settle(claim, ending)
        yield settlement
        claim = msgspec.structs.replace(
            claim,
            attempts=settlement.attempts + 1,
            crashes=settlement.crashes,
            solo_deaths=settlement.solo_deaths,
            returns=settlement.returns,
        )


def test_a_job_of_an_unknown_type_waits_longer_up_to_five_minutes() -> None:
    settlements = [one for one, _ in zip(lives(CLAIM, UnknownType()), range(9), strict=False)]
    assert [one.delay for one in settlements] == [
        5.0,
        10.0,
        20.0,
        40.0,
        80.0,
        160.0,
        300.0,
        300.0,
        300.0,
    ]
    assert settlements[6].delay == UNKNOWN_DELAYS[-1]
    assert {one.attempts for one in settlements} == {0}


@pytest.mark.parametrize("ending", [Snoozed(1.0), Released("stop"), Crashed(), Raised("no")])
def test_returns_are_counted_in_a_row_only(ending: Ending) -> None:
    assert settle(msgspec.structs.replace(CLAIM, returns=4), ending).returns == 0


def test_a_job_whose_daemons_die_is_run_again_for_ever_and_spends_nothing() -> None:
    settlements = [one for one, _ in zip(lives(CLAIM, Crashed()), range(50), strict=False)]
    assert {one.state for one in settlements} == {State.PENDING}
    assert {one.attempts for one in settlements} == {0}
    assert [one.crashes for one in settlements] == list(range(1, 51))
    assert [one.delay for one in settlements[:5]] == [0.0, 5.0, 30.0, 120.0, 120.0]
    assert settlements[-1].delay == CRASH_DELAYS[-1]


def test_the_third_death_of_a_child_of_its_own_ends_a_job_as_poisoned() -> None:
    settlements = [one for one, _ in zip(lives(CLAIM, Crashed(solo=True)), range(3), strict=False)]
    assert [one.state for one in settlements] == ["pending", "pending", "failed"]
    last = settlements[-1]
    assert (last.reason, last.solo_deaths, last.crashes) == ("poisoned", SOLO_DEATHS_ALLOWED, 3)
    assert last.error == f"poisoned: ended its own process 3 times ({DETAIL})"
    assert last.attempts == 0


def test_crashes_among_neighbours_are_no_step_towards_poison() -> None:
    claim = msgspec.structs.replace(CLAIM, crashes=40, solo_deaths=2)
    assert settle(claim, Crashed()).state is State.PENDING
    assert settle(claim, Crashed(solo=True)).state is State.FAILED


def test_more_deaths_than_it_takes_are_enough_too() -> None:
    claim = msgspec.structs.replace(CLAIM, solo_deaths=7)
    assert settle(claim, Crashed(solo=True)).reason == "poisoned"


def test_poison_goes_before_a_wish_to_cancel() -> None:
    claim = msgspec.structs.replace(WISHED, solo_deaths=2)
    assert settle(claim, Crashed(solo=True)).reason == "poisoned"


def test_a_failure_for_good_goes_before_a_wish_to_cancel() -> None:
    assert settle(WISHED, Raised("no", for_good=True)).state is State.FAILED


@given(
    st.sampled_from(ENDINGS),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 10),
    st.integers(0, 2),
    st.booleans(),
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_the_situation_counts_are_right_and_delays_are_sane(
    ending: Ending,
    attempts: int,
    max_attempts: int,
    crashes: int,
    deaths: int,
    wished: bool,
    random: float,
) -> None:
    claim = msgspec.structs.replace(
        CLAIM,
        attempts=attempts,
        max_attempts=max_attempts,
        crashes=crashes,
        solo_deaths=deaths,
        cancel_requested=wished,
    )
    settlement = settle(claim, ending, random)
    assert settlement.attempts == attempts - isinstance(ending, SPENDS_NOTHING)
    assert settlement.crashes >= crashes
    assert settlement.solo_deaths >= deaths
    assert 0 <= settlement.delay <= 1920 * 1.1
    assert settlement.delay == 0 or settlement.state not in FINAL
    if settlement.state is State.RETRYING:
        assert attempts < max_attempts


@pytest.mark.parametrize(
    "outcome",
    [
        Snooze("5m"),
        RetryAfter(30),
        RetryAfter(30, "busy"),
        Fail("gone"),
        Fail(),
        Cancel("not needed"),
        Cancel(),
        Skip("nothing to do"),
        Skip(),
    ],
    ids=repr,
)
def test_outcomes_pass_through_a_pool_of_processes(outcome: Outcome) -> None:
    copy = pickle.loads(pickle.dumps(outcome))
    assert type(copy) is type(outcome)
    assert str(copy) == str(outcome)
    assert vars(copy) == vars(outcome)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Snooze("5m"), "snoozed for 300 s"),
        (RetryAfter(30), "asked to be retried after 30 s"),
        (RetryAfter(30, "busy"), "busy"),
        (Fail(), "failed by the handler"),
        (Cancel(), "cancelled by the handler"),
        (Cancel("not needed"), "not needed"),
        (Skip(), "skipped by the handler"),
        (Skip("nothing to do"), "nothing to do"),
    ],
    ids=repr,
)
def test_an_outcome_says_what_it_is(outcome: Outcome, text: str) -> None:
    assert str(outcome) == text


@pytest.mark.parametrize("delay", [-1, "soon", float("nan"), None, True])
def test_a_delay_that_is_none_is_refused_where_it_is_written(delay: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Snooze(delay)
    with pytest.raises(ValueError, match="is not a duration"):
        RetryAfter(delay)
