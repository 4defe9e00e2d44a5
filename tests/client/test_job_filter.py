from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from stoker.client import JobFilter
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.operating import Query
from stoker.jobs.state import State

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_filter_becomes_the_query_of_brokers() -> None:
    chosen = JobFilter(
        states=["failed", State.CANCELLED],
        types=["reports.*", "mail.send"],
        queues=("reports",),
        tags={"urgent"},  # type: ignore[arg-type]
        since="24h",
        until=NOW,
        finished_since="2026-01-30T12:00:00+01:00",
    )
    assert chosen.query(NOW) == Query(
        states=(State.FAILED, State.CANCELLED),
        types=("reports.*", "mail.send"),
        queues=("reports",),
        tags=("urgent",),
        since=NOW - timedelta(hours=24),
        until=NOW,
        finished_since=datetime(2026, 1, 30, 11, tzinfo=UTC),
    )


def test_nothing_said_is_every_job() -> None:
    assert JobFilter().query(NOW) == Query()


def test_a_single_text_is_a_list_of_one() -> None:
    chosen = JobFilter(states="failed", types="reports.*", queues="reports", tags="urgent").query(NOW)
    assert (chosen.states, chosen.types) == ((State.FAILED,), ("reports.*",))
    assert (chosen.queues, chosen.tags) == (("reports",), ("urgent",))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NOW, NOW),
        (NOW.astimezone(timezone(timedelta(hours=5))), NOW),
        ("2026-01-31T12:00:00Z", NOW),
        ("2026-01-31 13:00:00+01:00", NOW),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("24h", NOW - timedelta(days=1)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("90", NOW - timedelta(seconds=90)),
        (90, NOW - timedelta(seconds=90)),
        (0.5, NOW - timedelta(seconds=0.5)),
        (timedelta(days=2), NOW - timedelta(days=2)),
        ("20260131", NOW - timedelta(seconds=20_260_131)),
    ],
)
def test_a_time_may_be_said_in_several_ways(said: Any, meant: datetime) -> None:
    assert JobFilter(since=said).query(NOW).since == meant


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (
            "states",
            ["broken"],
            "states: 'broken' is no state: there are pending, running, retrying, comp",
        ),
        ("states", ["Failed"], "states: 'Failed' is no state"),
        ("states", [7], "states: 7 is no state"),
        ("states", 7, "states is a list of texts, not 7"),
        ("types", ["a b"], "types: 'a b' is no type, and no pattern of types such as 'reports.*'"),
        ("types", [""], "types: '' is no type"),
        ("types", ["!mail"], "types: '!mail' is no type"),
        ("queues", ["\ud800"], "queues: '\\ud800' is no queue"),
        ("tags", [""], "tags: '' is no tag: those have 1 to 200 characters"),
        ("tags", ["a\0"], "tags: 'a\\x00' is no tag"),
        ("tags", [None], "tags: None is no tag"),
        ("since", datetime(2026, 1, 31), "since=2026-01-31T00:00:00 has no time zone"),
        (
            "until",
            "2026-01-31T12:00:00",
            "until=2026-01-31T12:00:00 has no time zone: write it with one",
        ),
        (
            "since",
            "2026-02-30",
            "since: '2026-02-30' is no time: give an aware datetime, ISO text such",
        ),
        ("since", "yesterday", "since: 'yesterday' is no time"),
        ("since", "-5m", "since: '-5m' is no time"),
        ("since", "", "since: '' is no time"),
        ("since", True, "since: True is no time"),
        ("since", [], "since: [] is no time"),
        ("finished_since", 1e15, "finished_since: 1000000000000000.0 is no time"),
        ("finished_since", float("nan"), "finished_since: nan is no time"),
    ],
)
def test_what_is_no_filter_is_refused_when_it_is_made(field: str, value: Any, text: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        JobFilter(**{field: value})
    assert str(caught.value).startswith(text)


def test_how_long_ago_is_counted_from_each_use() -> None:
    chosen = JobFilter(since="1h")
    later = NOW + timedelta(days=1)
    assert chosen.query(NOW).since == NOW - timedelta(hours=1)
    assert chosen.query(later).since == later - timedelta(hours=1)
