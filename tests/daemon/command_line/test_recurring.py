"""`stoker recurring …`: what is printed, and what becomes of wrong usage."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from stoker.jobs.recurring import Schedule
from stoker.jobs.rescheduling import Declaration, declared

Make = Callable[..., Any]


@pytest.fixture
def add(stoker: Make, broker: Make) -> Make:
    """Adds a recurring job; gives its id."""

    def add(name: str = "Nightly", *more: str) -> str:
        answer = stoker("recurring", "add", name, "mail.send", *(more or ("--cron", "0 3 * * *")))
        assert (answer.status, answer.err) == (0, "")
        return str(answer.out.strip())

    return add


@pytest.fixture
def coded(broker: Make) -> str:
    """A recurring job that code declares."""
    by = Declaration("clean", Schedule(type="clean", line="@daily"), "code", "default", "1")

    async def declare(opened: Any) -> None:
        await opened.change(declared(None, by, (await opened.recurring()).now))

    broker(declare)
    return "clean"


def test_none_are_listed(stoker: Make, broker: Make) -> None:
    answer = stoker("recurring", "list")
    assert (answer.status, answer.out) == (0, "")
    assert answer.err == "stoker: there are no recurring jobs\n"
    assert stoker("recurring", "list", "--json").json == []


def test_they_are_listed_by_name(stoker: Make, add: Make, coded: str) -> None:
    add("b", "--every", "90s", "--overlap", "queue")
    add("a", "--cron", "0 3 * * *", "--timezone", "Europe/Vienna", "--catchup", "all")
    answer = stoker("recurring", "list")
    assert answer.rows == [
        ["a", "mail.send", "0 3 * * * Europe/Vienna", "soon", "client", "skip", "all"],
        ["b", "mail.send", "every 1m30s", "soon", "client", "queue", "last"],
        ["clean", "clean", "@daily", "soon", "code", "skip", "last"],
    ]


def test_they_are_listed_for_programs(stoker: Make, add: Make) -> None:
    id = add("Nightly", '{"to": "a"}', "--cron", "0 3 * * *", "--priority", "9", "--jitter", "5s")
    [document] = stoker("recurring", "list", "--json").json
    wanted = {
        "id": id,
        "name": "Nightly",
        "type": "mail.send",
        "line": "0 3 * * *",
        "payload": {"to": "a"},
        "priority": 9,
        "jitter": 5.0,
        "owner": "client",
        "enabled": True,
        "edited": False,
    }
    assert {name: document[name] for name in wanted} == wanted


def test_one_is_switched_off_and_on(stoker: Make, add: Make) -> None:
    id = add()
    assert stoker("recurring", "toggle", id).out == f"{id} is off\n"
    assert stoker("recurring", "list").rows[0][3] == "off"
    assert stoker("recurring", "toggle", "Nightly", "--on", "--json").json == {"enabled": True}
    assert stoker("recurring", "toggle", "Nightly", "--resumes", "2h").out == "Nightly is off\n"
    assert stoker("recurring", "list").rows[0][3].startswith("off, on again in ")
    until = "2090-01-01T00:00:00Z"
    stoker("recurring", "toggle", "Nightly", "--resumes", until)
    [document] = stoker("recurring", "list", "--json").json
    assert document["resumes_at"] == until


def test_one_is_fired(stoker: Make, add: Make) -> None:
    id = add("Nightly", '{"to": "a"}', "--cron", "never")
    fired = stoker("recurring", "fire", id, "--json").json
    assert fired["created"] is True
    job = stoker("jobs", "show", fired["id"], "--json").json["job"]
    assert (job["type"], job["payload"], job["recurring_id"]) == ("mail.send", {"to": "a"}, id)
    again = stoker("recurring", "fire", id)
    assert again.out == f"{fired['id']}\n"
    assert again.err == f"stoker: job {fired['id']} stands for it: it has not ended\n"


def test_one_is_removed(stoker: Make, add: Make) -> None:
    add()
    assert stoker("recurring", "remove", "Nightly").out == "Nightly is removed\n"
    answer = stoker("recurring", "remove", "Nightly")
    assert (answer.status, answer.err) == (1, "stoker: there is no recurring job 'Nightly'\n")


def test_what_code_says_is_edited_and_reverted(stoker: Make, add: Make, coded: str) -> None:
    answer = stoker("recurring", "remove", coded)
    assert answer.status == 1 and "is declared by the code of service 'default'" in answer.err
    stoker("recurring", "add", coded, "clean", "--cron", "@hourly")
    assert stoker("recurring", "list").rows[0][-1] == "edited over @daily"
    assert stoker("recurring", "revert", coded).out == "clean is as its code or configuration says\n"
    assert stoker("recurring", "list").rows[0][2] == "@daily"


def test_the_next_times_are_printed_in_their_zone(stoker: Make) -> None:
    next_times = ("recurring", "next", "30 2 * * *", "--timezone", "Europe/Berlin", "--count", "3")
    answer = stoker(*next_times, "--after", "2027-03-26T12:00:00Z")
    assert answer.out.splitlines() == [
        "Sat 2027-03-27 02:30:00 CET",
        "Sun 2027-03-28 03:00:00 CEST",
        "Mon 2027-03-29 02:30:00 CEST",
    ]
    assert stoker(*next_times, "--after", "2027-03-26T12:00:00Z", "--json").json == [
        "2027-03-27T02:30:00+01:00",
        "2027-03-28T03:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]


def test_the_next_times_are_from_now_on(stoker: Make) -> None:
    [one] = stoker("recurring", "next", "every 1h", "--count", "1", "--json").json
    moment = datetime.fromisoformat(one)
    assert timedelta(0) < moment - datetime.now(moment.tzinfo) <= timedelta(hours=1)


def test_what_never_comes_is_said(stoker: Make) -> None:
    answer = stoker("recurring", "next", "0 0 31 2 *")
    assert (answer.status, answer.out, answer.err) == (0, "", "stoker: it never comes\n")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["next", "61 * * * *"], 1, "stoker: '61 * * * *' is no schedule: the minute 61"),
        (["next", "@daily", "--count", "0"], 2, "stoker: --count lies between 1 and 1,000, not 0"),
        (["next", "@daily", "--after", "soon"], 2, "stoker: --after is a time in ISO"),
        (["next", "@daily", "--timezone", "Mars"], 1, "stoker: 'Mars' is no time zone"),
        (["add", "x", "mail.send"], 1, "stoker: a recurring job has `cron`"),
        (["add", "x", "mail.send", "[1]", "--cron", "@daily"], 2, "stoker: the arguments are no JSON"),
        (["add", "x", "a", "--cron", "@daily", "--overlap", "no"], 1, "stoker: overlap is one of"),
        (["toggle", "x", "--on", "--off"], 2, "stoker: give --on, or --off and --resumes, not both"),
        (["toggle", "x"], 1, "stoker: there is no recurring job 'x'"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_sentence(
    stoker: Make, broker: Make, arguments: list[str], status: int, text: str
) -> None:
    answer = stoker("recurring", *arguments)
    assert (answer.status, answer.out) == (status, "")
    assert answer.err.startswith(text) and len(answer.err.splitlines()) == 1
