from itertools import product

import pytest

from stoker.jobs.state import FINAL, LIVE, MOVES, WAITING, State

# Every move there is, one line a state; written out once more, so that a slip shows.
ALLOWED = {
    "pending": {"running", "cancelled", "skipped"},
    "running": {"pending", "retrying", "completed", "failed", "cancelled", "skipped"},
    "retrying": {"running", "cancelled"},
    "completed": {"pending"},
    "failed": {"pending"},
    "cancelled": {"pending"},
    "skipped": {"pending"},
}


def test_the_states_are_the_words_that_users_know() -> None:
    assert [str(state) for state in State] == list(ALLOWED)


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_a_move_is_allowed_exactly_if_it_is_in_the_table(before: State, after: State) -> None:
    assert (after in MOVES[before]) is (after in ALLOWED[before])


def test_every_state_is_either_final_or_live() -> None:
    assert set(State) == FINAL | LIVE
    assert not FINAL & LIVE
    assert WAITING < LIVE
    assert {state for state in State if state.final} == {"completed", "failed", "cancelled", "skipped"}


def test_only_a_retry_leads_out_of_a_final_state() -> None:
    assert {after for state in FINAL for after in MOVES[state]} == {State.PENDING}


def test_nothing_runs_but_what_waited() -> None:
    assert {state for state in State if State.RUNNING in MOVES[state]} == WAITING


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MOVES[State.PENDING] = frozenset()  # type: ignore[index]
