import pytest
from redis import Redis

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import (
    LEASE,
    counts_of,
    ending,
    finish,
    ids_of,
    new_job,
    new_jobs,
    promote_all,
    retake,
    start,
    take,
)
from stoker.brokers.conformance.scheduling import PAST, after, new_row, put, slot_job, written
from stoker.brokers.redis.recurring_rows import AT_ONCE
from stoker.jobs.clock import Offset
from stoker.jobs.errors import SchemaTooNew
from stoker.jobs.job import Holding, LogLine, Report
from stoker.jobs.operating import Keep
from stoker.jobs.recurring import Change, Skip
from stoker.jobs.state import FINAL, State

STREAM = "stoker:{00}:stream:default:5"
EARLY = "stoker:{00}:early:default:5"
ALWAYS_THERE = {"counts", "tails", "schema"}
"""Keys of a store that has had jobs, whatever becomes of them."""


def keys(client: "Redis") -> set[str]:
    """What there is, without what is always there: streams are not deleted, but empty."""
    found = {key.removeprefix("stoker:{00}:") for key in client.scan_iter(count=1000)}
    return {key for key in found - ALWAYS_THERE if not key.startswith("stream:")}


def pending(client: "Redis", stream: str = STREAM) -> int:
    (group,) = client.xinfo_groups(stream)
    number: int = group["pending"]
    return number


async def test_every_key_begins_with_the_shard(broker: Broker, client: Redis) -> None:
    await finish(broker, await start(broker, new_job(unique=Holding("key"), expires=50.0)))
    await broker.enqueue(new_jobs(3, delay=50.0))
    await broker.pause("mail")
    await put(broker, new_row())
    assert all(key.startswith("stoker:{00}:") for key in client.scan_iter(count=1000))


@pytest.mark.parametrize("state", sorted(FINAL | {State.PENDING, State.RETRYING}))
async def test_a_settled_run_leaves_nothing_in_its_stream(
    broker: Broker, client: Redis, state: State
) -> None:
    await broker.enqueue(new_jobs(10))
    claims = await take(broker)
    assert (client.xlen(STREAM), pending(client)) == (10, 10)
    await broker.settle([ending(claim, state, delay=50.0) for claim in claims])
    assert (client.xlen(STREAM), pending(client)) == (0, 0)


async def test_what_ended_before_it_started_leaves_nothing_in_its_stream(
    broker: Broker, client: Redis, offset: Offset
) -> None:
    cancelled, expired, passed_by = (new_job(expires=expires) for expires in (None, 10.0, 10.0))
    await broker.enqueue([cancelled, expired])
    await broker.cancel([cancelled.id])
    offset.advance(20)
    await promote_all(broker)
    await broker.enqueue([passed_by])
    offset.advance(20)
    assert await take(broker) == []
    assert (client.xlen(STREAM), pending(client)) == (0, 0)


async def test_a_pruned_job_leaves_no_key(broker: Broker, client: Redis, offset: Offset) -> None:
    job = new_job(unique=Holding("key", scope=60.0), expires=1000.0)
    claim = await start(broker, job)
    line = LogLine(claim.started_at, "line")
    await broker.report([Report(id=claim.id, token=claim.token, logs=(line,))])
    await finish(broker, claim, State.FAILED)
    offset.advance(7200)
    await broker.prune({State.FAILED: Keep(count=0)}, 10)
    assert keys(client) == set()


async def test_a_recurring_job_that_is_taken_away_leaves_no_key(broker: Broker, client: Redis) -> None:
    row = new_row()
    await put(broker, row)
    assert keys(client) == {f"recurring:{row.id}", "recurring_due", "recurring_names"}
    await put(broker, after(row, next_at=None))
    assert keys(client) == {f"recurring:{row.id}", "recurring_names"}
    await broker.change([Change(id=row.id, expected=2, row=None)])
    assert keys(client) == set()


async def test_a_skipped_slot_leaves_no_key_of_waiting_jobs(broker: Broker, client: Redis) -> None:
    row = new_row()
    job = slot_job(row, PAST, expires=1000.0, unique=Holding("key"))
    await broker.change([written(row, skipped=(Skip(job, "overlap"),))])
    left = {key for key in keys(client) if not key.startswith("recurring")}
    assert left == {f"job:{job.id}", "listed:skipped", "ended:skipped"}


async def test_a_recurring_job_that_somebody_has_deleted_is_passed_over(
    broker: Broker, client: Redis
) -> None:
    gone, there = new_row("gone"), new_row("there")
    await put(broker, gone, there)
    client.delete(f"stoker:{{00}}:recurring:{gone.id}")
    assert (await broker.due(10)).items == (there,)
    page = await broker.recurring(limit=1)
    assert (page.items, page.next_cursor) == ((there,), None)
    assert (await broker.recurring(names=["gone"], ids=[gone.id])).items == ()


async def test_a_row_that_moves_stays_in_one_script(broker: Broker, client: Redis) -> None:
    rows = [new_row(f"row-{number}") for number in range(AT_ONCE - 1)]
    old, new = new_row("moving", queue="old"), new_row("moving", queue="new")
    await put(broker, old)
    moving = [Change(id=old.id, expected=1, row=None), written(new)]
    scripts = int(client.info("commandstats")["cmdstat_evalsha"]["calls"])
    changed = await broker.change([*map(written, rows), *moving, written(new_row("last"))])
    assert all(each.accepted for each in changed)
    assert int(client.info("commandstats")["cmdstat_evalsha"]["calls"]) - scripts == 2
    assert await broker.recurring_count() == len(rows) + 2


async def test_a_tombstone_goes_after_its_hour(broker: Broker, client: Redis, offset: Offset) -> None:
    await finish(broker, await start(broker))
    await broker.prune({State.COMPLETED: Keep(count=0)}, 10)
    assert keys(client) == {"tombstones"}
    offset.advance(3700)
    await broker.prune({}, 10)
    assert keys(client) == set()


async def test_in_order_all_lies_in_the_stream_and_nothing_beside_it(
    broker: Broker, client: Redis
) -> None:
    for _ in range(3):
        await broker.enqueue(new_jobs(10))
    assert (client.xlen(STREAM), client.exists(EARLY)) == (30, 0)


async def test_what_comes_too_late_for_its_place_in_the_stream_is_merged_by_the_claim(
    broker: Broker, client: Redis, offset: Offset
) -> None:
    first, delayed, last = new_job(), new_job(delay=10.0), new_job()
    await broker.enqueue([first, delayed])
    offset.advance(20)
    await broker.enqueue([last])
    await promote_all(broker)
    assert (client.xlen(STREAM), client.zcard(EARLY)) == (2, 1)
    taken = [ids_of(await take(broker, 1)) for _ in range(3)]
    assert taken == [[first.id], [delayed.id], [last.id]]


async def test_a_mixed_batch_takes_what_is_due_first_from_both(broker: Broker, offset: Offset) -> None:
    delayed = [new_job(delay=float(delay)) for delay in (10, 30, 50)]
    await broker.enqueue(delayed)
    streamed = []
    for _ in range(3):
        offset.advance(20)
        streamed.append(new_job())
        await broker.enqueue(streamed[-1:])
    await promote_all(broker)
    order = [job.id for pair in zip(delayed, streamed, strict=True) for job in pair]
    assert ids_of(await take(broker, 4)) == order[:4]
    assert ids_of(await take(broker, 4)) == order[4:]


async def test_a_deleted_stream_holds_nobody_up(broker: Broker, client: Redis) -> None:
    await finish(broker, await start(broker))
    client.delete(STREAM)
    following = new_job()
    await broker.enqueue([following])
    assert ids_of(await take(broker)) == [following.id]


async def test_the_entry_of_a_job_that_somebody_has_deleted_goes(broker: Broker, client: Redis) -> None:
    gone, there = new_jobs(2)
    await broker.enqueue([gone, there])
    client.delete(f"stoker:{{00}}:job:{gone.id}")
    assert ids_of(await take(broker)) == [there.id]
    assert client.xlen(STREAM) == 1


async def test_who_departs_with_nothing_in_hand_leaves_no_consumer(
    broker: Broker, client: Redis
) -> None:
    await finish(broker, await start(broker, worker="host:1"))
    await broker.depart("host:1")
    assert client.xinfo_consumers(STREAM, "workers") == []


async def test_the_consumer_of_a_dead_worker_goes_once_nothing_of_it_is_left(
    broker: Broker, client: Redis, offset: Offset
) -> None:
    await start(broker, worker="dead")
    offset.advance(2 * LEASE)
    await broker.depart("dead")
    assert [each["name"] for each in client.xinfo_consumers(STREAM, "workers")] == ["dead"]
    (swept,) = await retake(broker)
    await finish(broker, swept, State.PENDING)
    await broker.depart("dead")
    assert client.xinfo_consumers(STREAM, "workers") == []
    assert ids_of(await take(broker)) == [swept.id]


async def test_a_store_of_a_newer_stoker_is_refused(
    broker: Broker, client: Redis, redis_url: str
) -> None:
    client.hset("stoker:{00}:schema", mapping={"version": 7, "oldest": 7})
    with pytest.raises(SchemaTooNew, match="keys of version 7"):
        async with connect(redis_url):
            pass
    client.hset("stoker:{00}:schema", mapping={"version": 7, "oldest": 1})
    async with connect(redis_url) as older:
        await older.migrate()
    assert client.hget("stoker:{00}:schema", "version") == "7"


async def test_databases_of_one_server_do_not_touch(broker: Broker, redis_url: str) -> None:
    await broker.enqueue(new_jobs(2))
    async with connect(redis_url.removesuffix("/0") + "/1") as other:
        assert await take(other) == []
        assert (await counts_of(other)).total == 0
