"""Whatever cannot become a job is refused in one sentence, and nothing is written."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from stoker.client import Client, Unique
from stoker.jobs.calls import Call, EnqueueOptions
from stoker.jobs.errors import InvalidJob, InvalidPayload
from stoker.jobs.ids import derived_id
from stoker.jobs.operating import TypeInfo

from .conftest import generate, once, plain

NO: Any = "no"
NAIVE = datetime(2026, 1, 31, 12)
OTHERS = derived_id("mail", "order 7", 1_800_000_000)

OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"priority": 10}, "priority must lie between 0 and 9 (higher first), not 10"),
    ({"priority": -1}, "priority must lie between 0 and 9 (higher first), not -1"),
    ({"priority": "high"}, "priority must lie between 0 and 9 (higher first), not 'high'"),
    ({"priority": True}, "priority must lie between 0 and 9 (higher first), not True"),
    ({"delay": "5x"}, "delay: '5x' is not a duration: write seconds, or text such as '5m' or '1h30m'"),
    ({"delay": -1}, "delay: -1 is not a duration: it must be finite and not negative"),
    ({"delay": float("inf")}, "delay: inf is not a duration: it must be finite and not negative"),
    ({"delay": 1e12}, "delay must lie between 0 and"),
    ({"delay": [5]}, "delay: [5] is not a duration"),
    ({"at": NAIVE}, "at=2026-01-31T12:00:00 has no time zone: give an aware datetime"),
    ({"at": "2026-01-31T12:00:00Z"}, "at is an aware datetime, not '2026-01-31T12:00:00Z'"),
    ({"at": NAIVE, "delay": 5}, "the time is said twice: give `delay` or `at`, not both"),
    ({"queue": "a b"}, "queue 'a b' is no name: 1 to 128 letters, digits and"),
    ({"queue": ""}, "queue '' is no name"),
    ({"queue": "\ud800"}, "queue '\\ud800' is no name"),
    ({"queue": 7}, "queue 7 is no name"),
    ({"tags": "urgent"}, "tags is a list of texts, not 'urgent'"),
    ({"tags": ["a", 7]}, "a tag is a text, not 7"),
    ({"tags": [""]}, "a tag has 1 to 200 characters, not 0"),
    ({"tags": ["a"] * 21}, "a job has at most 20 tags, not 21"),
    ({"tags": ["a\0"]}, "the tag 'a\\x00' holds a NUL character"),
    ({"tags": ["a", "\udfff"]}, "the tag '\\udfff' holds a lone surrogate"),
    ({"unique": ""}, "a unique key has 1 to 200 characters, not 0"),
    ({"unique": "k" * 201}, "a unique key has 1 to 200 characters, not 201"),
    ({"unique": "k\0"}, "the unique key 'k\\x00' holds a NUL character"),
    ({"unique": 7}, "unique is a text, True or Unique(…), not 7"),
    ({"unique": Unique(by=["users"])}, "unique by 'users', which is no parameter: it takes"),
    ({"unique": Unique(by="kind")}, "unique's `by` is a list of parameters such as"),
    ({"unique": Unique(key="k", by=["kind"])}, "unique has a key, or is made by arguments:"),
    ({"unique": Unique(scope="always")}, "unique's scope is 'active', 'waiting' or"),
    ({"unique": Unique(scope=0)}, "unique's scope is 'active', 'waiting' or a duration, not 0"),
    ({"unique": Unique(on_conflict=NO)}, "unique's on_conflict is one of existing, error, replace,"),
    ({"expires": "soon"}, "expires: 'soon' is not a duration"),
    ({"max_attempts": 0}, "max_attempts counts runs, so it is at least 1, not 0"),
    ({"max_attempts": 1.5}, "max_attempts counts runs, so it is at least 1, not 1.5"),
    ({"timeout": 0}, "timeout must be more than 0"),
    ({"timeout": "-5m"}, "timeout: '-5m' is not a duration"),
    ({"id": "42"}, "id '42' is no UUID"),
    ({"id": OTHERS}, f"id {OTHERS} does not lead to queue 'reports'"),
    ({"id": OTHERS.upper()}, f"id {OTHERS.upper()!r} must be written {OTHERS!r}"),
    ({"headers": "traceparent"}, "headers is a mapping of texts, not 'traceparent'"),
    ({"headers": {"a": 7}}, "headers are texts, not 7"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "text"), OPTIONS, ids=str)
async def test_a_wrong_option_is_refused(
    client: Client, published: None, options: dict[str, Any], text: str
) -> None:
    call = generate.bind("a")
    for enqueue in (
        lambda: client.enqueue(call, **options),
        lambda: client.enqueue("reports.generate", {"kind": "a"}, **options),
        lambda: client.enqueue_many([("reports.generate", {"kind": "a"}, EnqueueOptions(**options))]),
    ):
        with pytest.raises(InvalidJob) as caught:
            await enqueue()
        assert str(caught.value).removeprefix("job 1: ").startswith(f"reports.generate: {text}")
    assert await client.queues() == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"priorty": 1}, "there is no option 'priorty': perhaps 'priority'"),
        ({"colour": 1}, "there is no option 'colour': there are at, delay, expires, headers, id,"),
    ],
)
async def test_an_option_that_there_is_not_is_refused(
    client: Client, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        await client.enqueue(plain.bind(), **given)
    assert str(caught.value).startswith(text)


class Opaque:
    def __repr__(self) -> str:
        return "<opaque>"


ARGUMENTS: list[tuple[Any, str]] = [
    ({"kind": 3}, "parameter 'kind' expected str, got 3"),
    ({"kind": None}, "parameter 'kind' expected str, got None"),
    ({}, "parameter 'kind' is missing"),
    ({"kind": "a", "moth": None}, "there is no parameter 'moth': perhaps 'month'"),
    ({"kind": "a", "x": 1}, "there is no parameter 'x': it takes kind, month"),
    ({"kind": "a", "month": "31.1."}, "parameter 'month' expected a date such as '2026-01-31' or null"),
    ({"kind": "a\0"}, "parameter 'kind' cannot be sent: the value holds a NUL character at 'kind'"),
    ({"kind": "\ud800"}, "parameter 'kind' cannot be sent: the value cannot be written as JSON"),
    ({"kind": float("nan")}, "parameter 'kind' cannot be sent: the value holds nan at 'kind'"),
    ({"kind": Opaque()}, "parameter 'kind' cannot be sent: the value cannot be written as JSON"),
    ({"kind": "a" * 300_000}, "parameter 'kind' cannot be sent: the value has 300,011 bytes; at most"),
    ({"kind": "a" * 200_000, "month": "b" * 100_000}, "the payload has 300,0"),
    ({1: "a"}, "a parameter's name is a text, not 1"),
    (["a"], "the arguments are a mapping keyed by parameter, not ['a']"),
    ("a", "the arguments are a mapping keyed by parameter, not 'a'"),
]


@pytest.mark.parametrize(("arguments", "text"), ARGUMENTS, ids=lambda value: repr(value)[:40])
async def test_arguments_that_do_not_fit_are_refused(
    client: Client, published: None, arguments: Any, text: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        await client.enqueue("reports.generate", arguments)
    assert str(caught.value).startswith(f"reports.generate: {text}")
    assert await client.queues() == []


async def test_a_call_that_is_too_large_is_refused_by_the_limit_of_the_client(client: Client) -> None:
    async with Client(client.broker, max_payload=100) as small:
        with pytest.raises(InvalidPayload, match=r"^reports\.generate: the payload has 111 bytes; at"):
            await small.enqueue(generate.bind("a" * 100))
        await small.enqueue(generate.bind("a" * 80))
        with pytest.raises(InvalidPayload, match="at most 100 are allowed"):
            await small.enqueue("who.knows", {"kind": "a" * 100})


async def test_a_handlers_limits_are_checked_like_any_other(client: Client) -> None:
    call: Call[Any] = Call(TypeInfo(name="bad", queue="a b"), {}, b"{}")
    for _ in range(2):
        with pytest.raises(InvalidJob, match=r"^bad: queue 'a b' is no name"):
            await client.enqueue(call)


Enqueue = Callable[[Any], Any]
NO_JOBS: list[tuple[Enqueue, str]] = [
    (lambda c: c.enqueue(generate, "a"), "<handler reports.generate> is a handler: give a call of it"),
    (lambda c: c.enqueue(None), "None is no job: give a call, made by a handler's `bind(…)`"),
    (lambda c: c.enqueue(generate.bind("a"), {"kind": "b"}), "reports.generate: the arguments are"),
    (lambda c: c.enqueue("a b"), "type 'a b' is no name"),
    (lambda c: c.enqueue("\ud800"), "type '\\ud800' is no name"),
    (lambda c: c.enqueue("a\0"), "type 'a\\x00' is no name"),
    (lambda c: c.enqueue_many(generate.bind("a")), "enqueue_many takes a list of calls, not <Call"),
    (lambda c: c.enqueue_many("plain"), "enqueue_many takes a list of calls, not 'plain'"),
    (lambda c: c.enqueue_many(7), "enqueue_many takes a list of calls, not 7"),
    (lambda c: c.enqueue_many([plain.bind(), "plain"]), "job 2: 'plain' is no job"),
    (lambda c: c.enqueue_many([("plain",)]), "job 1: ('plain',) is no job"),
    (lambda c: c.enqueue_many([("plain", {}, {"queue": "a"})]), "job 1: ('plain', {}, {'queue'"),
    (lambda c: c.enqueue_many([once]), "job 1: <handler once> is a handler"),
]  # fmt: skip


@pytest.mark.parametrize(("enqueue", "text"), NO_JOBS, ids=[text for _, text in NO_JOBS])
async def test_what_is_no_job_is_refused_with_what_would_be_right(
    client: Client, enqueue: Enqueue, text: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        await enqueue(client)
    assert str(caught.value).startswith(text)
    assert await client.queues() == []
