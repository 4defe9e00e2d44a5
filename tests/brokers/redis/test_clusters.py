"""The broker on three nodes: where keys lie, and what becomes of jobs when nodes fall or hand over."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from signal import SIGKILL
from typing import Any

import anyio
import pytest
from redis.crc import key_slot
from tests.servers.redis_cluster import Clusters, RedisCluster, cluster, wait_until

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import SOON, ending, ids_of, new_job, new_jobs, take
from stoker.brokers.conformance.scheduling import after, new_row, put, rows_of, written
from stoker.brokers.redis import recurring_rows
from stoker.brokers.redis.address import parse
from stoker.brokers.redis.hints import Hints
from stoker.brokers.redis.moving import MOVES_WITHIN
from stoker.brokers.redis.server import Server
from stoker.brokers.redis.shards import IN_CLUSTER, Shards
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused, BrokerUnavailable, UniqueConflict
from stoker.jobs.job import Claim, Holding, NewJob
from stoker.jobs.recurring import Change, Changed, Recurring

from .conftest import eventually

SHARDS = Shards(IN_CLUSTER)
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
PARTIAL = ("--cluster-require-full-coverage", "no")
"""The nodes that stand go on without those that do not."""


@pytest.fixture(params=["redis", "valkey"])
def nodes(request: pytest.FixtureRequest, redis_clusters: Clusters) -> RedisCluster:
    return redis_clusters.empty(request.param)


@pytest.fixture(params=["redis", "valkey"])
def own_nodes(request: pytest.FixtureRequest) -> Iterator[RedisCluster]:
    """A cluster of the test's own, to be broken at will."""
    with cluster(request.param, *DURABLE, *PARTIAL) as made, made.serving():
        yield made


@pytest.fixture
async def broker(nodes: RedisCluster) -> AsyncIterator[Broker]:
    async with connect(nodes.address) as broker:
        await broker.migrate()
        yield broker


def queues_of_all_shards() -> list[str]:
    """One queue for each shard, in their order."""
    by_shard = {SHARDS.of_queue(f"queue-{number}"): f"queue-{number}" for number in range(500)}
    return [by_shard[shard] for shard in SHARDS.all]


def queues_of(nodes: RedisCluster, node: int) -> list[str]:
    """Those queues whose jobs this node has."""
    with nodes.clients() as clients:
        rows = clients[node].execute_command("CLUSTER", "SLOTS")
    port = nodes.nodes[node].port
    slots = [range(row[0], row[1] + 1) for row in rows if int(row[2][1]) == port]
    return [
        queue
        for queue in queues_of_all_shards()
        if any(key_slot(SHARDS.name(SHARDS.of_queue(queue)).encode()) in some for some in slots)
    ]


def one_in_each(queues: Sequence[str]) -> list[NewJob]:
    return [new_job(queue) for queue in queues]


async def taken(broker: Broker, number: int, *names: str) -> list[Claim]:
    """So many, by as many claims as it takes."""
    claims: list[Claim] = []

    async def more() -> list[Claim]:
        return await take(broker, number - len(claims), *names)

    with anyio.fail_after(SOON):
        while len(claims) < number:
            claims += await eventually(more)
    return claims


async def test_queues_are_spread_over_all_nodes(broker: Broker, nodes: RedisCluster) -> None:
    jobs = one_in_each(queues_of_all_shards())
    await broker.enqueue(jobs)
    with nodes.clients() as clients:
        kept = [set(client.keys("stoker:*:job:*")) for client in clients]
    assert all(kept)
    assert sum(map(len, kept)) == IN_CLUSTER
    assert [queue.counts.pending for queue in await broker.queues()] == [1] * IN_CLUSTER


async def test_every_key_lies_in_the_slot_of_its_shard(broker: Broker, nodes: RedisCluster) -> None:
    await broker.enqueue(one_in_each(queues_of_all_shards()))
    await broker.settle([ending(claim) for claim in await taken(broker, IN_CLUSTER)])
    await put(broker, *(new_row(queue, queue=queue) for queue in queues_of_all_shards()))
    await broker.pause("other")
    with nodes.clients() as clients:
        keys = [key for client in clients for key in client.keys("*")]
    names = {SHARDS.name(shard) for shard in SHARDS.all}
    assert {key[: len("stoker:{00}")] for key in keys} == names


async def test_a_claim_takes_from_all_shards_in_turn(broker: Broker) -> None:
    queues = queues_of_all_shards()
    for _ in range(3):
        await broker.enqueue(one_in_each(queues))
    first = [(await take(broker, 1, "*"))[0].queue for _ in queues]
    assert sorted(first) == sorted(queues)
    rest = await taken(broker, 2 * IN_CLUSTER, "*")
    assert {claim.queue for claim in rest} == set(queues)


async def test_what_one_shard_cannot_fill_others_do(broker: Broker) -> None:
    full, *others = queues_of_all_shards()
    await broker.enqueue(new_jobs(200, full))
    await broker.enqueue(one_in_each(others[:3]))
    assert len(await take(broker, 100, "*")) == 100


async def test_a_conflict_keeps_nothing_out_of_other_shards(broker: Broker) -> None:
    one, two = queues_of_all_shards()[:2]
    key = Holding("key", on_conflict="error")
    await broker.enqueue([new_job(one, unique=key)])
    with pytest.raises(UniqueConflict):
        await broker.enqueue([new_job(one, unique=key), new_job(two)])
    assert {queue.counts.queue: queue.counts.pending for queue in await broker.queues()} == {
        one: 1,
        two: 1,
    }


async def test_a_single_server_that_is_no_cluster_is_named_so(new_redis: Any) -> None:
    with (
        new_redis() as server,
        server.serving(),
        pytest.raises(
            BrokerRefused, match=rf"no node of a cluster.* redis://127\.0\.0\.1:{server.port}"
        ),
    ):
        async with connect(f"redis+cluster://127.0.0.1:{server.port}"):
            pass


async def test_a_node_of_a_cluster_is_no_single_server(nodes: RedisCluster) -> None:
    with pytest.raises(BrokerRefused, match=r"redis\+cluster://"):
        async with connect(nodes.nodes[0].address) as broker:
            await broker.migrate()
            await broker.enqueue(one_in_each(queues_of_all_shards()))


async def test_one_node_leads_to_the_others(nodes: RedisCluster) -> None:
    async with connect(f"redis+cluster://127.0.0.1:{nodes.nodes[2].port}") as broker:
        await broker.migrate()
        await broker.enqueue(one_in_each(queues_of_all_shards()))
        assert len(await taken(broker, IN_CLUSTER)) == IN_CLUSTER


async def test_hints_come_from_every_node(broker: Broker, nodes: RedisCluster) -> None:
    wakeups = broker.wakeups()
    await anext(wakeups)
    async with connect(nodes.address) as other:
        for queue in queues_of_all_shards():
            with anyio.fail_after(SOON):
                await other.enqueue([new_job(queue)])
                while queue not in (await anext(wakeups)).queues:
                    pass
    await wakeups.aclose()  # type: ignore[attr-defined]


# Nodes that fall.


async def test_the_others_go_on_while_a_node_is_away_and_it_is_found_again(
    own_nodes: RedisCluster,
) -> None:
    async with connect(own_nodes.address) as broker:
        await broker.migrate()
        jobs = one_in_each(queues_of_all_shards())
        await broker.enqueue(jobs)
        lost = set(queues_of(own_nodes, 1))
        assert 0 < len(lost) < IN_CLUSTER
        own_nodes.processes[1].send_signal(SIGKILL)
        own_nodes.processes[1].wait()
        there = await taken(broker, IN_CLUSTER - len(lost))
        assert {claim.queue for claim in there}.isdisjoint(lost)
        assert await broker.settle([ending(claim) for claim in there]) == ["accepted"] * len(there)
        with pytest.raises(BrokerUnavailable):
            await broker.enqueue([new_job(min(lost))])
        with own_nodes.nodes[1].serving():
            own_nodes.wait_until_agreed()
            rest = await taken(broker, len(lost))
            assert sorted(ids_of(there) + ids_of(rest)) == sorted(job.id for job in jobs)
            assert await broker.settle([ending(claim) for claim in rest]) == ["accepted"] * len(rest)


async def test_a_replica_that_takes_over_is_found(own_nodes: RedisCluster) -> None:
    async with connect(own_nodes.address) as broker:
        await broker.migrate()
        with own_nodes.replica(1) as replica:
            queue = queues_of(own_nodes, 1)[0]
            jobs = new_jobs(50, queue)
            await broker.enqueue(jobs)
            claims = await take(broker, 20, queue)
            wait_until(lambda: _has_all_of(own_nodes, 1, replica), "the replica lags behind")
            own_nodes.processes[1].send_signal(SIGKILL)
            own_nodes.processes[1].wait()
            replica.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")  # without waiting for votes
            verdicts = await eventually(lambda: broker.settle([ending(claim) for claim in claims]))
            assert verdicts == ["accepted"] * 20
            assert sorted(ids_of(await taken(broker, 30, queue)) + ids_of(claims)) == ids_of(jobs)


def _has_all_of(nodes: RedisCluster, node: int, replica: Any) -> bool:
    with nodes.clients() as clients:
        written = clients[node].info("replication")["master_repl_offset"]
    return bool(replica.info("replication")["slave_repl_offset"] >= written)


# Slots that move.


def move_slot(
    nodes: RedisCluster, slot: int, source: int, target: int, *, until: int | None = None
) -> None:
    """As redis-cli does it; with `until`, it breaks off after so many keys."""
    with nodes.clients() as clients:
        ids = [client.execute_command("CLUSTER", "MYID") for client in clients]
        clients[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        clients[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        moved = 0
        while keys := clients[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
            for key in keys[: None if until is None else until - moved]:
                clients[source].execute_command(
                    "MIGRATE", "127.0.0.1", nodes.nodes[target].port, key, 0, 5000
                )
                moved += 1
            if moved == until:
                return
        for each in (target, source, *({0, 1, 2} - {target, source})):
            clients[each].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


async def test_jobs_are_found_where_their_slot_has_moved(own_nodes: RedisCluster) -> None:
    async with connect(own_nodes.address) as broker:
        await broker.migrate()
        queue = queues_of(own_nodes, 0)[0]
        jobs = new_jobs(60, queue)
        await broker.enqueue(jobs)
        before = await take(broker, 20, queue)
        move_slot(own_nodes, key_slot(SHARDS.name(SHARDS.of_queue(queue)).encode()), 0, 2)
        assert await broker.settle([ending(claim) for claim in before]) == ["accepted"] * 20
        after = await taken(broker, 40, queue)
        assert sorted(ids_of(before) + ids_of(after)) == sorted(job.id for job in jobs)
        assert queue in queues_of(own_nodes, 2)


async def test_nothing_is_done_halfway_through_a_move(own_nodes: RedisCluster) -> None:
    async with connect(own_nodes.address) as broker:
        await broker.migrate()
        queue = queues_of(own_nodes, 0)[0]
        slot = key_slot(SHARDS.name(SHARDS.of_queue(queue)).encode())
        jobs = new_jobs(60, queue)
        await broker.enqueue(jobs)
        claims = await take(broker, 20, queue)
        move_slot(own_nodes, slot, 0, 2, until=30)
        for call in (
            lambda: broker.enqueue([new_job(queue)]),
            lambda: broker.settle([ending(claim) for claim in claims]),
            lambda: take(broker, 1, queue),
        ):
            with pytest.raises(BrokerUnavailable, match="moving these jobs"):
                await call()
        move_slot(own_nodes, slot, 0, 2)
        assert (
            await eventually(lambda: broker.settle([ending(claim) for claim in claims]))
            == ["accepted"] * 20
        )
        assert len(await taken(broker, 40, queue)) == 40
        assert await take(broker, 1, queue) == []


# Rows that move.


@pytest.fixture
async def half(nodes: RedisCluster) -> AsyncIterator[Callable[[Recurring], Awaitable[None]]]:
    """Writes a row at its new place, as a mover does first, and dies."""
    server = Server(parse(nodes.address), Offset())
    await server.open()

    async def write(row: Recurring) -> None:
        shard = server.shards.of_id(row.id)
        assert await recurring_rows.write(server, Hints(server), [written(row)], shard) == [
            Changed(True)
        ]

    yield write
    await server.close()


async def test_of_a_move_that_was_broken_off_the_old_row_holds_until_the_move_is_ended(
    broker: Broker, nodes: RedisCluster, half: Callable[[Recurring], Awaitable[None]]
) -> None:
    one, two = queues_of_all_shards()[:2]
    old, new = (
        new_row("same", queue=one),
        new_row("same", queue=two, updated_at=(await broker.due(1)).now),
    )
    await put(broker, old)
    await half(new)
    assert await rows_of(broker) == list((await broker.due(10)).items) == [old]
    assert (await broker.recurring(names=["same"])).items == (old,)
    offset = Offset(MOVES_WITHIN.total_seconds() + 1)
    async with connect(nodes.address, offset=offset) as later:
        assert (await later.due(10)).items == (old,)  # and with that, the move is ended
        assert await rows_of(later) == list((await later.due(10)).items) == [new]
        assert await later.recurring_count() == 1


async def test_a_mover_that_comes_late_finds_its_move_ended(
    broker: Broker, half: Callable[[Recurring], Awaitable[None]]
) -> None:
    one, two = queues_of_all_shards()[:2]
    old, new = new_row("same", queue=one), new_row("same", queue=two)
    await half(new)
    gone = Change(id=old.id, expected=1, row=None)
    assert await broker.change([gone, written(after(new))]) == [Changed(False), Changed(True)]
    assert await rows_of(broker) == [after(new)]


async def test_a_row_that_others_move_and_change_at_once_is_never_lost_and_soon_there_once(
    broker: Broker, nodes: RedisCluster
) -> None:
    queues = queues_of_all_shards()[:3]
    await put(broker, new_row("same", queue=queues[0]))
    async with connect(nodes.address) as second, connect(nodes.address) as third:
        async with anyio.create_task_group() as group:
            for each, salt in (broker, 1), (second, 2):
                group.start_soon(_move_around, each, queues, salt)
            group.start_soon(_edit, third)
        for _ in queues:  # of so many at most, each time one goes
            await broker.due(10)
        (row,) = await rows_of(broker)
        assert (await broker.due(10)).items == (row,)
        assert await broker.recurring_count() == 1


async def _move_around(broker: Broker, queues: Sequence[str], salt: int) -> None:
    for number in range(60):
        (row,) = await _of_name(broker)
        queue = queues[number * salt % len(queues)]
        new = new_row("same", queue=queue, revision=row.revision + 1)
        if new.id != row.id:
            gone = Change(id=row.id, expected=row.revision, row=None)
            await broker.change([gone, Change(id=new.id, expected=0, row=new)])


async def _edit(broker: Broker) -> None:
    for number in range(150):
        (row,) = await _of_name(broker)
        await broker.change([written(after(row, missed=number))])


async def _of_name(broker: Broker) -> Sequence[Recurring]:
    """Looked for again where it has just moved from under the look."""
    with anyio.fail_after(SOON):
        while not (found := (await broker.recurring(names=["same"])).items):
            pass
    return found
