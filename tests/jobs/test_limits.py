import math
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from uuid import UUID

import pytest

from stoker.jobs.errors import InvalidJob
from stoker.jobs.ids import IdSource, derived_id
from stoker.jobs.job import Holding, NewJob
from stoker.jobs.limits import LATEST, LONGEST, MAX_HEADERS, MAX_KEY, MAX_TAGS, check

ID = derived_id("mail", "order 7", 1_767_225_600.0)


def job(**changes: Any) -> NewJob:
    return NewJob(**{"id": ID, "type": "mail.send", "queue": "mail", **changes})


class Vague(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, when: datetime | None) -> None: ...

    def dst(self, when: datetime | None) -> None: ...

    def tzname(self, when: datetime | None) -> None: ...

    def __repr__(self) -> str:
        return "Vague()"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"priority": 0},
        {"priority": 9},
        {"max_attempts": 1},
        {"max_attempts": 10_000},
        {"timeout": 0.001},
        {"timeout": LONGEST},
        {"delay": 0.0},
        {"delay": LONGEST},
        {"expires": 0.0},
        {"expires": 60.0},
        {"expires": LONGEST},
        {"at": datetime(1970, 1, 1, tzinfo=UTC)},
        {"at": LATEST},
        {"at": datetime(2199, 12, 31, tzinfo=timezone(timedelta(hours=-5)))},
        {"tags": tuple(f"tag {number}" for number in range(MAX_TAGS))},
        {"tags": ("é😀" * 100,)},
        {"unique": Holding("x" * MAX_KEY)},
        {"unique": Holding("key", scope="waiting", on_conflict="replace")},
        {"unique": Holding("key", scope=0.5)},
        {"unique": Holding("key", scope=LONGEST)},
        {"headers": {"traceparent": "00-abc", "": ""}},
        {"headers": {"a": "x" * (MAX_HEADERS - 1)}},
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_job_within_its_limits_passes(changes: dict[str, Any]) -> None:
    check(job(**changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"type": "mail send"}, "type 'mail send' is no name: 1 to 128 letters"),
        ({"type": None}, "type None is no name"),
        ({"queue": ""}, "queue '' is no name"),
        ({"queue": "*"}, "queue '*' is no name"),
        ({"priority": 10}, "priority must lie between 0 and 9 (higher first), not 10"),
        ({"priority": -1}, "priority must lie between 0 and 9"),
        ({"priority": True}, "priority must lie between 0 and 9 (higher first), not True"),
        ({"priority": 5.5}, "priority must lie between 0 and 9"),
        ({"priority": "high"}, "priority must lie between 0 and 9 (higher first), not 'high'"),
        ({"max_attempts": 0}, "max_attempts counts runs, so it is at least 1, not 0"),
        ({"max_attempts": "3"}, "max_attempts counts runs"),
        ({"timeout": 0.0}, "timeout must be more than 0"),
        ({"timeout": -1.0}, "timeout must be more than 0"),
        ({"timeout": math.nan}, "timeout must be more than 0"),
        ({"timeout": math.inf}, "timeout must be more than 0 and at most 3155760000 s, not inf"),
        ({"delay": -1.0}, "delay must lie between 0 and 3155760000 seconds, not -1.0"),
        ({"delay": math.nan}, "delay must lie between"),
        ({"delay": 1e18}, "delay must lie between"),
        ({"expires": -1.0}, "expires must lie between"),
        ({"expires": math.inf}, "expires must lie between"),
        ({"at": datetime(2026, 1, 1)}, "at=2026-01-01T00:00:00 has no time zone"),
        ({"at": datetime(2026, 1, 1, tzinfo=Vague())}, "has no time zone: give an aware datetime"),
        ({"at": datetime(2200, 1, 2, tzinfo=UTC)}, "lies beyond the year 2200"),
        ({"at": datetime.max.replace(tzinfo=UTC)}, "lies beyond the year 2200"),
        ({"id": "order-7"}, "id 'order-7' is no UUID"),
        ({"id": 7}, "id 7 is no UUID"),
        ({"id": UUID(ID)}, "is no UUID"),
        ({"id": ID.upper()}, f"must be written '{ID}'"),
        ({"id": f"{{{ID}}}"}, f"must be written '{ID}'"),
        ({"id": ID.replace("-", "")}, f"must be written '{ID}'"),
        ({"id": derived_id("pdf", "order 7", 0.0)}, "does not lead to queue 'mail': make it with"),
        ({"id": f"00000000-0000-4000-8000-0000000000{ID[-2:]}"}, "does not lead to queue 'mail'"),
        ({"tags": ("a",) * (MAX_TAGS + 1)}, "a job has at most 20 tags, not 21"),
        ({"tags": ("",)}, "a tag has 1 to 200 characters, not 0"),
        ({"tags": ("x" * 201,)}, "a tag has 1 to 200 characters, not 201"),
        ({"tags": ("a\0",)}, "the tag 'a\\x00' holds a NUL character"),
        ({"tags": ("\ud800",)}, "the tag '\\ud800' holds a lone surrogate"),
        ({"tags": (7,)}, "a tag is a text, not 7"),
        ({"unique": Holding("")}, "a unique key has 1 to 200 characters, not 0"),
        ({"unique": Holding("x" * 201)}, "a unique key has 1 to 200 characters"),
        ({"unique": Holding("\0")}, "the unique key '\\x00' holds a NUL character"),
        ({"unique": Holding("a", scope=0.0)}, "the scope of a unique key is 'active', 'waiting'"),
        ({"unique": Holding("a", scope=-1.0)}, "the scope of a unique key"),
        ({"unique": Holding("a", scope=math.inf)}, "the scope of a unique key"),
        ({"unique": Holding("a", scope=math.nan)}, "the scope of a unique key"),
        ({"unique": Holding("a", scope="always")}, "the scope of a unique key"),  # type: ignore[arg-type]
        ({"headers": {"a": "\0"}}, "the headers hold a NUL character: '\\x00'"),
        ({"headers": {"\ud800": "a"}}, "the headers hold a lone surrogate"),
        ({"headers": {"a": 7}}, "headers are texts, not 7"),
        ({"headers": {"a": "x" * MAX_HEADERS}}, "the headers have 16,385 characters; at most 16,384"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_job_beyond_its_limits_is_refused_by_field(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        check(job(**changes))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ids_that_are_made_for_a_queue_pass() -> None:
    check(job(id=IdSource().next("mail")))
