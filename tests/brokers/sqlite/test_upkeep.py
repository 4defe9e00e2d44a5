from stoker.brokers.conformance.making import (
    EPOCH,
    LEASE,
    counts_of,
    ending,
    finish,
    ids_of,
    new_job,
    new_jobs,
    promote_all,
    retake,
    run_of,
    start,
    take,
)
from stoker.brokers.sqlite import upkeep
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.upkeep import FOLD_FROM
from stoker.jobs.clock import Offset
from stoker.jobs.job import Holding, LogLine
from stoker.jobs.operating import Counts, Keep
from stoker.jobs.state import State

from .conftest import Connect, Open

DAY = 24 * 3600.0


async def test_after_another_boot_every_lease_is_over(open_broker: Open) -> None:
    jobs = new_jobs(3)
    async with open_broker(boot_id="one") as broker:
        await broker.enqueue(jobs)
        await take(broker, lease=100 * LEASE)
    async with open_broker(boot_id="two") as broker:
        assert sorted(ids_of(await retake(broker))) == ids_of(jobs)
        assert await retake(broker) == []


async def test_within_a_boot_reopening_ends_no_lease(open_broker: Open) -> None:
    for _ in range(3):
        async with open_broker(boot_id="one") as broker:
            if (await counts_of(broker)).total == 0:
                await start(broker)
            assert await retake(broker) == []


async def test_a_boot_is_noticed_once(open_broker: Open) -> None:
    async with open_broker(boot_id="one") as broker:
        await start(broker)
    async with open_broker(boot_id="two") as broker:
        (swept,) = await retake(broker)
        async with open_broker(boot_id="two") as second:
            assert await retake(second) == []
        await finish(broker, swept)


async def test_a_token_from_before_the_boot_still_settles(open_broker: Open) -> None:
    async with open_broker(boot_id="one") as broker:
        claim = await start(broker)
    async with open_broker(boot_id="two") as broker:
        assert await broker.settle([ending(claim)]) == ["accepted"]


async def test_a_file_has_no_server_that_could_have_been_out(broker: SqliteBroker) -> None:
    assert await broker.uptime() == float("inf")


async def test_pruning_folds_the_counts(broker: SqliteBroker, connect: Connect) -> None:
    for _ in range(5):
        await broker.enqueue(new_jobs(2))
        await broker.settle([ending(claim) for claim in await take(broker)])
    with connect() as connection:
        size = "SELECT count(*) FROM stoker_tally"
        (before,) = connection.execute(size).fetchone()
        await broker.prune({}, 100)
        (after,) = connection.execute(size).fetchone()
    assert before > 10
    assert after == 1
    assert await counts_of(broker) == Counts(queue="default", completed=10)


async def test_promoting_folds_the_counts_when_they_have_become_many(
    broker: SqliteBroker, connect: Connect
) -> None:
    with connect() as connection:
        connection.executemany(
            "INSERT INTO stoker_tally (queue, state, delta) VALUES ('default', 'ready', ?)",
            [(1 if number % 2 else -1,) for number in range(FOLD_FROM + 2)],
        )
        connection.commit()
        await broker.enqueue([new_job()])
        await broker.promote(10)
        (size,) = connection.execute("SELECT count(*) FROM stoker_tally").fetchone()
    assert size == 1
    assert await counts_of(broker) == Counts(queue="default", ready=1)


async def test_nothing_of_a_pruned_job_is_left_behind(
    broker: SqliteBroker, offset: Offset, connect: Connect
) -> None:
    large = b'"' + b"x" * 10_000 + b'"'
    claim = await start(broker, new_job(payload=b'{"a":' + large + b"}", unique=Holding("key")))
    await finish(
        broker, claim, State.FAILED, result=large, run=run_of(claim), logs=(LogLine(EPOCH, "line"),)
    )
    offset.advance(2 * DAY)
    assert await broker.prune({State.FAILED: Keep(age=DAY)}, 100) == 1
    with connect() as connection:
        for table in ("job", "large", "run", "log", "unique", "tombstone"):
            assert connection.execute(f"SELECT count(*) FROM stoker_{table}").fetchone() == (0,), table


async def test_ids_are_remembered_for_an_hour_and_then_forgotten(
    broker: SqliteBroker, offset: Offset, connect: Connect
) -> None:
    await finish(broker, await start(broker))
    await broker.prune({State.COMPLETED: Keep(count=0)}, 100)
    size = "SELECT count(*) FROM stoker_tombstone"
    with connect() as connection:
        assert connection.execute(size).fetchone() == (1,)
        offset.advance(upkeep.REMEMBERED / 1e6 + 1)
        await broker.prune({}, 100)
        assert connection.execute(size).fetchone() == (0,)


async def test_keys_held_for_a_time_are_forgotten_when_it_is_over(
    broker: SqliteBroker, offset: Offset, connect: Connect
) -> None:
    await finish(broker, await start(broker, new_job(unique=Holding("key", scope=60.0))))
    size = "SELECT count(*) FROM stoker_unique"
    with connect() as connection:
        await broker.prune({}, 100)
        assert connection.execute(size).fetchone() == (1,)
        offset.advance(70)
        await broker.prune({}, 100)
        assert connection.execute(size).fetchone() == (0,)


async def test_leases_do_not_follow_the_wall_clock(broker: SqliteBroker, connect: Connect) -> None:
    await start(broker)
    with connect() as connection:
        (lease_until, created_at) = connection.execute(
            "SELECT lease_until, created_at FROM stoker_job"
        ).fetchone()
    # Since 1970 there have passed more microseconds than since any boot.
    assert lease_until < created_at / 10


async def test_a_delayed_job_is_counted_by_what_promote_has_made_of_it(
    broker: SqliteBroker, offset: Offset
) -> None:
    await broker.enqueue([new_job(delay=10.0)])
    offset.advance(20)
    assert await counts_of(broker) == Counts(queue="default", delayed=1)
    await promote_all(broker)
    assert await counts_of(broker) == Counts(queue="default", ready=1)
