"""What statements read: no more in a deep store than in a shallow one, whatever the statistics say."""

import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance.making import LEASE, ending, held, new_jobs, take
from stoker.brokers.conformance.scheduling import new_row, put
from stoker.brokers.postgres import reporting
from stoker.brokers.postgres.address import parse
from stoker.brokers.postgres.connections import Connections, Own
from stoker.brokers.postgres.session import Session
from stoker.brokers.postgres.statements import ServerTime, statements
from stoker.jobs.clock import Offset
from stoker.jobs.job import Report
from stoker.jobs.state import State

FILL = """
INSERT INTO stoker.job (
    id, created_at, scheduled_at, max_attempts, priority, ready, state, queue, type, payload
)
SELECT
    gen_random_uuid(), now(), now() + make_interval(secs => {begin} + number * 0.001), 6, {priority},
    {ready}, 'pending', {queue}, 'test', '{{}}'
FROM generate_series(1, {count}) AS number
"""
FILL_RECURRING = """
INSERT INTO stoker.recurring (id, name, revision, due_at, body)
SELECT gen_random_uuid(), 'row ' || number, 1, now() + make_interval(days => 1, secs => number), body
FROM generate_series(1, 10000) AS number, stoker.recurring
"""
AGO, LATER = -100_000, 100_000


class Watched:
    """What one statement of a broker does, by EXPLAIN, without doing it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
        self.plan: dict[str, Any] = {}
        rows = Own.rows

        async def explained(own: Own, text: str, *values: object) -> Any:
            if text == statement:
                await own.script("BEGIN")
                ((plan,),) = await rows(own, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", *values)
                await own.script("ROLLBACK")
                self.plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
            return await rows(own, text, *values)

        monkeypatch.setattr(Own, "rows", explained)

    def nodes(self, plan: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        plan = plan or self.plan
        return [plan, *(each for child in plan.get("Plans", ()) for each in self.nodes(child))]

    @property
    def buffers(self) -> int:
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    def scanned(self, table: str) -> set[str]:
        """The indexes that a table was read by; "all of it" where it was read without one."""
        return {
            node.get("Index Name", "all of it")
            for node in self.nodes()
            if node.get("Relation Name") == table and node["Node Type"].endswith("Scan")
        }


def fill(url: str, **changes: Any) -> None:
    """Many jobs at once, and no ANALYZE."""
    given = {"begin": AGO, "priority": 5, "ready": True, "queue": "'default'", "count": 1000, **changes}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL.format(**given))


@pytest.fixture
async def broker(postgres_url: str) -> AsyncIterator[Broker]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("VACUUM stoker.job, stoker.recurring")  # of what the tests before have left
    async with connect(postgres_url) as broker:
        yield broker


@pytest.mark.slow
async def test_a_claim_reads_what_it_takes_and_nothing_else(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, statements().claim)
    fill(postgres_url)
    assert len(await take(broker, 50)) == 50
    shallow = watched.buffers
    fill(postgres_url, count=100_000)
    fill(postgres_url, count=50_000, priority=9, ready=False, begin=LATER)
    fill(postgres_url, count=20_000, queue="'queue-' || number % 1000")
    assert len(await take(broker, 50)) == 50
    # A level or two more of each index, for each row: the rest is the same.
    assert watched.buffers < 1.7 * shallow + 50
    assert watched.scanned("job") <= {"job_ready", "job_pkey"}
    assert not [node for node in watched.nodes() if node["Node Type"] == "Sort"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["claim", "settle", "complete", "renew", "report", "cancel", "reclaim", "promote"]
)
async def test_statistics_of_an_empty_table_mislead_nobody(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fill(postgres_url, count=30_000, ready=False, begin=10 * LATER)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DELETE FROM stoker.job")
        connection.execute("ANALYZE stoker.job")
    fill(postgres_url, count=30_000)
    fill(postgres_url, count=10_000, ready=False, begin=AGO)
    claims = await take(broker, 20)
    watched = Watched(monkeypatch, getattr(statements(), name))
    await take(broker, 20)
    await broker.renew([held(claim) for claim in claims], LEASE)
    await broker.report([Report(id=claim.id, token=claim.token, progress=1.0) for claim in claims])
    await broker.settle([ending(claim) for claim in claims[:10]])
    await broker.settle([ending(claim, State.FAILED) for claim in claims[10:]])
    await broker.reclaim(20, token="token", lease=LEASE, worker="worker")
    await broker.cancel([claim.id for claim in claims])
    await broker.promote(20)
    assert watched.plan
    assert watched.buffers < 3000, "it read the whole table"


async def test_a_claim_locks_no_more_than_it_takes(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, statements().claim)
    fill(postgres_url, queue="'queue-' || number % 50")
    assert len(await take(broker, 7)) == 7
    locked = [node for node in watched.nodes() if node["Node Type"] == "LockRows"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in locked) <= 7


@pytest.mark.slow
async def test_a_backlog_is_drained_without_wading_through_what_was_taken(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(postgres_url, count=20_000)
    with psycopg.connect(postgres_url) as holding:
        holding.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        holding.execute("SELECT txid_current()")  # from here on no vacuum may remove anything
        watched = Watched(monkeypatch, statements().claim)
        await take(broker, 100)
        first = watched.buffers
        monkeypatch.undo()
        for _ in range(100):
            claims = await take(broker, 100)
            await broker.settle([ending(claim) for claim in claims])
        watched = Watched(monkeypatch, statements().claim)
        assert len(await take(broker, 100)) == 100
        assert watched.buffers < 1.5 * first
        holding.rollback()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "state"), [("complete", State.COMPLETED), ("settle", State.FAILED)])
async def test_settling_goes_by_the_key(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch, name: str, state: State
) -> None:
    fill(postgres_url, count=50_000)
    claims = await take(broker, 20)
    watched = Watched(monkeypatch, getattr(statements(), name))
    assert await broker.settle([ending(claim, state) for claim in claims]) == ["accepted"] * 20
    assert watched.scanned("job") == {"job_pkey"}
    assert watched.buffers < 20 * 40


async def test_most_renewals_stay_on_their_page(broker: Broker, postgres_url: str) -> None:
    # With the lease in an index none would (HOT): each would be written into every index.
    await broker.enqueue(new_jobs(100))
    keeping = [held(claim) for claim in await take(broker, 100)]

    async def renew(session: Session) -> tuple[int, int]:
        async with session.whole():
            await reporting.renew(session, keeping, LEASE)
            ((updated, hot),) = await session.rows(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'job'"
            )
            return updated, hot

    connections = Connections(parse(postgres_url), statements(), ServerTime(Offset()))
    counts = [(await connections.call(renew))[0] for _ in range(5)]
    await connections.close()
    updated, hot = counts[-1]
    assert hot > updated / 2


@pytest.mark.parametrize("name", ["due", "recurring_named", "recurring_page"])
async def test_a_look_at_a_few_of_many_recurring_jobs_reads_a_few(
    broker: Broker, postgres_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    row = new_row("a")
    await put(broker, row)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(FILL_RECURRING)
    watched = Watched(monkeypatch, getattr(statements(), name))
    page = await broker.due(10)
    assert page.items == (row,) and page.next_due is not None
    assert (await broker.recurring(ids=[row.id], names=["a", "b"])).items == (row,)
    assert (await broker.recurring(limit=1, cursor="Z")).items == (row,)
    assert watched.plan
    assert watched.buffers < 50
