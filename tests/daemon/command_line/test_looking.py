"""`stoker jobs list` and `stoker jobs show`: what a person and what a program is given."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from stoker.jobs.job import LogLine
from stoker.jobs.outcome import Done, Raised, Skipped, Stopped

Make = Callable[..., Any]


def test_an_empty_list_says_so_and_prints_nothing(stoker: Make, put: Make) -> None:
    answer = stoker("jobs", "list")
    assert (answer.status, answer.out, answer.err) == (0, "", "stoker: no jobs\n")


def test_jobs_are_listed_the_newest_first(stoker: Make, put: Make) -> None:
    first, second = put("mail.send"), put("reports.generate", queue="reports")
    answer = stoker("jobs", "list")
    assert answer.status == 0
    assert [row[:4] for row in answer.rows] == [
        [second, "reports.generate", "reports", "pending"],
        [first, "mail.send", "default", "pending"],
    ]


def test_a_program_is_given_every_field_by_its_public_name(stoker: Make, put: Make) -> None:
    id = put("mail.send", arguments={"to": "x"}, tags=("a",), unique="k", delay=60.0)
    [job] = stoker("jobs", "list", "--json").json
    assert (job["id"], job["type"], job["state"]) == (id, "mail.send", "pending")
    assert (job["payload"], job["tags"], job["unique_key"]) == ({"to": "x"}, ["a"], "k")
    assert {"attempts", "scheduled_at", "cancel_requested", "worker", "expires_at"} <= set(job)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--state", "failed"], ["failed"]),
        (["--state", "failed", "--state", "pending"], ["pending", "failed"]),
        (["--type", "mail.*"], ["pending", "failed"]),
        (["--type", "mail.*", "--queue", "mail"], ["failed"]),
        (["--queue", "*"], ["pending", "failed"]),
        (["--tag", "a"], ["failed"]),
        (["--tag", "a", "--tag", "b"], []),
        (["--since", "1h"], ["pending", "failed"]),
        (["--until", "1h"], []),
        (["--until", "2020-01-01"], []),
        (["--finished-since", "1h"], ["failed"]),
        (["--limit", "1"], ["pending"]),
    ],
)
def test_filters_narrow_the_list(
    stoker: Make, put: Make, end: Make, arguments: list[str], expected: list[str]
) -> None:
    put("mail.send", queue="mail", tags=("a",))
    end(Raised("E: x", for_good=True))
    put("mail.other")
    answer = stoker("jobs", "list", "--json", *arguments)
    assert [job["state"] for job in answer.json] == expected


def test_a_list_that_goes_on_says_so(stoker: Make, put: Make) -> None:
    for _ in range(3):
        put()
    answer = stoker("jobs", "list", "--limit", "2")
    assert len(answer.rows) == 2
    assert answer.err == "stoker: there are more than 2; --limit shows more\n"
    assert stoker("jobs", "list", "--limit", "3").err == ""


@pytest.mark.parametrize(
    ("ending", "what"),
    [
        (Done(b"1"), []),
        (Raised("ValueError: no\nway"), ["due in 2m: ValueError: no way"]),
        (Raised("ValueError: no", for_good=True), ["ValueError: no"]),
        (Stopped("not needed"), ["not needed"]),
        (Skipped("nothing to do"), ["nothing to do"]),
    ],
)
def test_a_row_says_what_matters_in_its_state(
    stoker: Make, put: Make, end: Make, ending: Any, what: list[str]
) -> None:
    put()
    end(ending)
    [row] = stoker("jobs", "list").rows
    assert row[6:] == what


def test_what_a_job_says_cannot_command_the_terminal(stoker: Make, put: Make, end: Make) -> None:
    put()
    id = end(Raised("E: \x1b[2J[red]x\x07", for_good=True))
    for arguments in (["jobs", "list"], ["jobs", "show", id]):
        out = stoker(*arguments).out
        assert "\x1b" not in out and "\x07" not in out
        assert "\ufffd[2J[red]x\ufffd" in out


def test_one_job_is_shown_with_history_and_log(stoker: Make, put: Make, end: Make) -> None:
    put("mail.send", arguments={"to": "x"}, tags=("a", "b"), timeout=600.0)
    logs = (
        LogLine(datetime(2026, 1, 31, 12, tzinfo=UTC), "500 records"),
        LogLine(datetime(2026, 1, 31, 12, tzinfo=UTC), "odd", level="warning"),
    )
    trace = 'Traceback\n  File "x.py"\nValueError: no'
    id = end(Raised("ValueError: no", trace, for_good=True), progress=42.0, logs=logs)
    answer = stoker("jobs", "show", id)
    lines = answer.out.partition("\nHistory")[0].splitlines()
    fields = {line.split("  ")[0]: line.partition("  ")[2].strip() for line in lines}
    assert fields["id"] == id
    assert (fields["state"], fields["reason"], fields["error"]) == (
        "failed", "not retryable", "ValueError: no"
    )  # fmt: skip
    assert (fields["run"], fields["tags"], fields["timeout"]) == ("1 of 6", "a, b", "10m")
    assert fields["progress"] == "42 %"
    assert "History, without runs that simply succeeded" in answer.out
    assert trace in answer.out
    assert "2026-01-31 12:00:00 UTC  500 records" in answer.out
    assert "2026-01-31 12:00:00 UTC  warning: odd" in answer.out


def test_a_program_is_given_one_job_with_history_and_log(stoker: Make, put: Make, end: Make) -> None:
    put()
    id = end(Raised("E: x"), logs=(LogLine(datetime.now(UTC), "hello"),))
    detail = stoker("jobs", "show", id, "--json").json
    assert detail["job"]["id"] == id
    assert [run["outcome"] for run in detail["history"]] == ["failed"]
    assert [line["message"] for line in detail["logs"]] == ["hello"]


def test_a_job_that_is_not_there_is_said_in_one_sentence(stoker: Make, put: Make) -> None:
    put()
    answer = stoker("jobs", "show", "019a1b2c-0000-7000-8000-000000000000")
    assert answer.status == 1
    assert answer.out == ""
    assert answer.err == (
        "stoker: there is no job '019a1b2c-0000-7000-8000-000000000000', or no longer\n"
    )


def test_explain_says_why_a_job_waits(stoker: Make, put: Make) -> None:
    id = put()
    stoker("queues", "pause", "default", "--reason", "migration")
    lines = stoker("explain", id).out.splitlines()
    assert lines[0].startswith("It is ready to run, and has been due since ")
    assert lines[1].startswith("Its queue default is paused since ")
    assert "(migration)" in lines[1]
    assert lines[2] == "No worker is alive: `stoker run` starts one."
    assert stoker("explain", id, "--json").json[1:] == [
        stoker("explain", id).out.splitlines()[1], *lines[2:]
    ]  # fmt: skip
