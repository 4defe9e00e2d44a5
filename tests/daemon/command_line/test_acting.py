"""`stoker jobs cancel` and `stoker jobs retry`."""

from collections.abc import Callable
from typing import Any

import pytest

from stoker.jobs.outcome import Done, Raised
from stoker.jobs.state import State

Make = Callable[..., Any]
NOBODY = "019a1b2c-0000-7000-8000-000000000000"


def test_a_waiting_job_is_cancelled_by_its_id_with_the_reason(
    stoker: Make, put: Make, state: Make
) -> None:
    id = put()
    answer = stoker("jobs", "cancel", id, "--reason", "not needed")
    assert (answer.status, answer.out) == (0, f"{id} is cancelled\n")
    assert state(id) is State.CANCELLED
    assert stoker("jobs", "show", id, "--json").json["job"]["reason"] == "not needed"


def test_a_running_job_is_told_to_stop(stoker: Make, put: Make, claim: Make) -> None:
    id = put()
    claim()
    answer = stoker("jobs", "cancel", id)
    assert (answer.status, answer.out) == (0, f"{id} runs, and is told to stop\n")


def test_each_id_is_answered_and_one_that_could_not_be_gives_status_1(
    stoker: Make, put: Make, end: Make, state: Make
) -> None:
    put()
    done = end(Done(b"1"))
    id = put()
    answer = stoker("jobs", "cancel", done, NOBODY, id)
    assert answer.status == 1
    assert answer.out.splitlines() == [
        f"{done} has ended before",
        f"{NOBODY} is not there",
        f"{id} is cancelled",
    ]
    assert state(id) is State.CANCELLED


def test_an_ended_job_is_retried_by_its_id(stoker: Make, put: Make, end: Make, state: Make) -> None:
    put()
    id = end(Raised("E: x", for_good=True))
    answer = stoker("jobs", "retry", id)
    assert (answer.status, answer.out) == (0, f"{id} will run again\n")
    assert state(id) is State.PENDING


def test_a_retry_that_is_refused_says_why(stoker: Make, put: Make, end: Make) -> None:
    put(unique="k")
    ended = end(Done(b"1"))
    holder = put(unique="k")
    answer = stoker("jobs", "retry", ended, holder)
    assert answer.status == 1
    assert answer.out.splitlines() == [
        f"{ended} cannot run again: its unique key is held by {holder}",
        f"{holder} has not ended: cancel it first",
    ]


def test_a_program_is_given_the_verdicts(stoker: Make, put: Make) -> None:
    id = put()
    answers = stoker("jobs", "cancel", id, NOBODY, "--json").json
    assert [(answer["id"], answer["verdict"]) for answer in answers] == [
        (id, "cancelled"), (NOBODY, "unknown")
    ]  # fmt: skip


def test_all_live_jobs_of_a_filter_are_cancelled(
    stoker: Make, put: Make, end: Make, state: Make
) -> None:
    put("mail.send")
    done = end(Done(b"1"))
    ids = [put("mail.send"), put("mail.other")]
    other = put("reports.generate")
    answer = stoker("jobs", "cancel", "--type", "mail.*")
    assert (answer.status, answer.out) == (0, "2 jobs cancelled, or told to stop\n")
    assert [state(id) for id in (*ids, other, done)] == [
        State.CANCELLED, State.CANCELLED, State.PENDING, State.COMPLETED
    ]  # fmt: skip


def test_all_ended_jobs_of_a_filter_are_retried(
    stoker: Make, put: Make, end: Make, state: Make
) -> None:
    for _ in range(2):
        put()
        end(Raised("E: x", for_good=True))
    waiting = put()
    answer = stoker("jobs", "retry", "--since", "1h", "--json")
    assert answer.json == {"count": 2}
    assert state(waiting) is State.PENDING


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_limit_takes_the_newest_only(
    stoker: Make, put: Make, end: Make, state: Make, verb: str
) -> None:
    ids = []
    for _ in range(3):
        ids.append(put())
        if verb == "retry":
            end(Done(b"1"))
    before = [state(id) for id in ids]
    assert stoker("jobs", verb, "--type", "*", "--limit", "1").out.startswith("1 job ")
    assert [state(id) == was for id, was in zip(ids, before, strict=True)] == [True, True, False]


def test_a_dry_run_shows_which_and_changes_nothing(
    stoker: Make, put: Make, end: Make, state: Make
) -> None:
    put()
    done = end(Done(b"1"))
    ids = [put() for _ in range(25)]
    answer = stoker("jobs", "cancel", "--queue", "default", "--dry-run")
    assert answer.status == 0
    *rows, last = answer.out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == list(reversed(ids[5:]))
    assert last == ("25 jobs to cancel, of which these are 20; nothing is changed by a dry run")
    assert done not in answer.out
    assert {state(id) for id in ids} == {State.PENDING}


def test_a_dry_run_of_ids_leaves_out_what_could_not_be(stoker: Make, put: Make, end: Make) -> None:
    put()
    done = end(Done(b"1"))
    id = put()
    answer = stoker("jobs", "cancel", id, done, NOBODY, "--dry-run", "--json")
    assert answer.json == {"count": 1, "first": [id]}


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_no_id_and_no_filter_is_refused(stoker: Make, put: Make, state: Make, verb: str) -> None:
    id = put()
    answer = stoker("jobs", verb)
    assert answer.status == 2
    assert answer.err == (
        "stoker: this would be every job: give ids, or a filter such as --type 'reports.*' "
        "--since 24h\n"
    )
    assert state(id) is State.PENDING


@pytest.mark.parametrize("more", [["--state", "pending"], ["--limit", "1"]])
def test_ids_and_a_filter_are_refused(stoker: Make, put: Make, state: Make, more: list[str]) -> None:
    id = put()
    answer = stoker("jobs", "cancel", id, *more)
    assert (answer.status, answer.err) == (2, "stoker: give ids or a filter, not both\n")
    assert state(id) is State.PENDING


def test_a_limit_alone_is_no_filter(stoker: Make, put: Make, state: Make) -> None:
    id = put()
    assert stoker("jobs", "cancel", "--limit", "5").status == 2
    assert state(id) is State.PENDING


def test_a_state_that_cannot_be_acted_on_meets_none(stoker: Make, put: Make, end: Make) -> None:
    put()
    end(Done(b"1"))
    for more in ([], ["--limit", "5"], ["--dry-run"]):
        answer = stoker("jobs", "cancel", "--state", "completed", *more)
        assert answer.status == 0
        assert answer.out.startswith("0 jobs ")
