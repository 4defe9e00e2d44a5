from typing import Any

import msgspec
import pytest

from stoker.client import Client, Unique
from stoker.jobs.calls import Call
from stoker.jobs.clock import Offset
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.operating import TypeInfo
from stoker.jobs.outcome import Done

from .conftest import Worker, generate, once, payload_of, plain


async def key(client: Client, call: Call[Any], unique: Any) -> str:
    job = await (await client.enqueue(call, unique=unique)).status()
    assert job.unique_key is not None
    return job.unique_key


async def test_a_text_is_the_key(client: Client) -> None:
    first = await client.enqueue(plain.bind(1), unique="order 7")
    second = await client.enqueue(plain.bind(2), unique="order 7")
    assert (second.id, second.created) == (first.id, False)
    assert (await first.status()).unique_key == "order 7"


async def test_true_is_the_type_with_its_arguments(client: Client) -> None:
    first = await client.enqueue(plain.bind(1), unique=True)
    assert (await client.enqueue(plain.bind(1), unique=True)).id == first.id
    assert (await client.enqueue(plain.bind(2), unique=True)).id != first.id
    assert await key(client, generate.bind("ü"), True) == 'reports.generate:{"kind":"ü"}'


async def test_calls_and_names_make_the_same_key_whatever_the_order_of_arguments(
    client: Client, published: None
) -> None:
    call = await client.enqueue(once.bind(note="a", user=1), unique=True)
    name = await client.enqueue("once", {"user": 1, "note": "a"}, unique=True)
    other = await client.enqueue("once", {"note": "a", "user": 1}, unique=True)
    assert call.id == name.id == other.id


async def test_keys_are_canonical_in_the_depth_too(client: Client) -> None:
    first = await client.enqueue("nested", {"a": {"x": 1, "y": [{"b": 1, "a": 2}]}}, unique=True)
    second = await client.enqueue("nested", {"a": {"y": [{"a": 2, "b": 1}], "x": 1}}, unique=True)
    assert first.id == second.id


async def test_a_key_may_be_made_of_some_arguments(client: Client) -> None:
    unique = Unique(by=["user"])
    first = await client.enqueue(once.bind(1, "a"), unique=unique)
    assert (await client.enqueue(once.bind(1, "b"), unique=unique)).id == first.id
    assert (await client.enqueue(once.bind(2, "a"), unique=unique)).id != first.id


async def test_arguments_left_to_their_defaults_are_left_out_of_the_key(client: Client) -> None:
    assert await key(client, once.bind(1), Unique(by=["note", "user"])) == 'once:{"user":1}'
    assert await key(client, plain.bind(), True) == "plain:{}"
    assert await key(client, plain.bind(3), Unique(by=[])) == "plain:{}"


async def test_a_long_key_is_hashed_and_still_tells_arguments_apart(client: Client) -> None:
    one = await key(client, generate.bind("a" * 300), True)
    other = await key(client, generate.bind("a" * 301), True)
    assert one != other
    assert len(one) == len("reports.generate:") + 40
    assert one.startswith("reports.generate:")


async def test_by_of_a_type_without_a_schema_is_by_what_is_given(client: Client) -> None:
    job = await client.enqueue("who.knows", {"user": 1, "note": "a"}, unique=Unique(by=["user"]))
    assert (await job.status()).unique_key == 'who.knows:{"user":1}'


@pytest.mark.parametrize("named", [False, True])
async def test_the_handlers_own_unique_holds_where_nothing_is_said(
    client: Client, published: None, offset: Offset, worker: Worker, named: bool
) -> None:
    async def enqueue(user: int) -> str:
        if named:
            return (await client.enqueue("once", {"user": user})).id
        return (await client.enqueue(once.bind(user))).id

    first = await enqueue(1)
    assert await enqueue(2) != first
    with pytest.raises(UniqueConflict) as caught:
        await enqueue(1)
    assert caught.value.holder == first
    await worker.run(Done())
    await worker.run(Done())
    with pytest.raises(UniqueConflict):  # for an hour, whatever became of it
        await enqueue(1)
    offset.advance(3601)
    assert await enqueue(1) != first


async def test_false_is_no_key_also_where_the_handler_has_one(client: Client) -> None:
    first = await client.enqueue(once.bind(1), unique=False)
    second = await client.enqueue(once.bind(1).options(unique=False))
    assert first.id != second.id
    assert (await first.status()).unique_key is None


async def test_what_a_newer_daemon_says_beside_is_no_obstacle(client: Client) -> None:
    info = TypeInfo(name="new", unique={"key": "k", "colour": "red"})
    call: Call[Any] = Call(info, {}, b"{}")
    assert (await (await client.enqueue(call)).status()).unique_key == "k"


async def test_a_catalogue_that_went_through_json_says_the_same(client: Client) -> None:
    info = msgspec.json.decode(msgspec.json.encode(once.type_info()), type=TypeInfo)
    call: Call[Any] = Call(info, {"user": 1}, b'{"user":1}')
    first = await client.enqueue(once.bind(1))
    with pytest.raises(UniqueConflict) as caught:
        await client.enqueue(call)
    assert caught.value.holder == first.id


async def test_a_waiting_holder_can_be_replaced(client: Client) -> None:
    unique = Unique(key="k", on_conflict="replace")
    first = await client.enqueue(plain.bind(1), unique=unique)
    second = await client.enqueue(plain.bind(2), unique=unique, priority=9)
    assert (second.id, second.created) == (first.id, False)
    job = await first.status()
    assert (payload_of(job), job.priority) == ({"number": 2}, 9)


async def test_a_key_held_while_waiting_is_free_once_the_job_runs(
    client: Client, worker: Worker
) -> None:
    unique = Unique(key="k", scope="waiting")
    first = await client.enqueue(plain.bind(), unique=unique)
    await worker.claim()
    assert (await client.enqueue(plain.bind(), unique=unique)).id != first.id
