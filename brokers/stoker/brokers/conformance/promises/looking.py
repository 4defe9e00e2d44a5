"""What observers see: jobs by id, and lists of them that hold still under new ones."""

from datetime import timedelta

import pytest

from stoker.brokers.conformance.making import (
    detail_of,
    finish,
    ids_of,
    job_of,
    new_job,
    new_jobs,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import InvalidFilter
from stoker.jobs.operating import Keep, Query
from stoker.jobs.state import State

STRANGE = ["", "nonsense", "0" * 36, "ä", "\0", "\ud800", "' OR 1=1 --", "[1]", "x" * 100_000]


async def listed(broker: Broker, query: Query, limit: int = 50) -> list[str]:
    """All ids of a query, page by page."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await broker.find(query, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        ids += ids_of(page.items)
        if page.next_cursor is None:
            return ids
        assert page.next_cursor != cursor, "the page leads to itself"
        cursor = page.next_cursor


async def spaced(broker: Broker, offset: Offset, count: int, queue: str = "default") -> list[str]:
    """So many jobs, some seconds apart; the newest first."""
    ids = []
    for _ in range(count):
        offset.advance(10)
        job = new_job(queue)
        await broker.enqueue([job])
        ids.append(job.id)
    return ids[::-1]


class GettingPromises:
    async def test_jobs_come_in_the_order_of_the_ids(self, broker: Broker) -> None:
        jobs = new_jobs(3)
        await broker.enqueue(jobs)
        wanted = [jobs[2].id, new_job().id, jobs[0].id, jobs[2].id]
        got = await broker.get(wanted)
        assert [None if job is None else job.id for job in got] == [
            jobs[2].id,
            None,
            jobs[0].id,
            jobs[2].id,
        ]

    async def test_an_empty_list_is_answered_with_one(self, broker: Broker) -> None:
        assert await broker.get([]) == []

    async def test_detail_has_the_job_as_get_has_it(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, result=b"1")
        assert (await detail_of(broker, claim.id)).job == await job_of(broker, claim.id)

    async def test_of_an_unknown_job_there_is_no_detail(self, broker: Broker) -> None:
        assert await broker.detail(new_job().id) is None

    @pytest.mark.parametrize("id", STRANGE, ids=lambda id: ascii(id[:12]))
    async def test_what_is_no_id_is_answered_as_unknown(self, broker: Broker, id: str) -> None:
        job = new_job()
        await broker.enqueue([job])
        got = await broker.get([id, job.id])
        assert got[0] is None and got[1] is not None
        assert await broker.detail(id) is None
        assert [answer.verdict for answer in await broker.cancel([id])] == ["unknown"]
        assert [answer.verdict for answer in await broker.retry([id])] == ["unknown"]


class FindingPromises:
    async def test_an_empty_store_gives_an_empty_page(self, broker: Broker) -> None:
        page = await broker.find(Query())
        assert (page.items, page.next_cursor) == ((), None)

    async def test_jobs_come_newest_first(self, broker: Broker, offset: Offset) -> None:
        ids = await spaced(broker, offset, 5)
        assert ids_of((await broker.find(Query())).items) == ids

    async def test_states_are_merged_by_time(self, broker: Broker, offset: Offset) -> None:
        ids = await spaced(broker, offset, 6)
        first, second, third = await take(broker, 3)
        await finish(broker, first)
        await finish(broker, second, State.FAILED)
        assert third.id in ids
        assert ids_of((await broker.find(Query())).items) == ids

    async def test_an_item_is_the_job_as_get_has_it(self, broker: Broker) -> None:
        claim = await start(broker)
        assert (await broker.find(Query())).items == (await job_of(broker, claim.id),)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
    async def test_pages_give_each_job_once(self, broker: Broker, offset: Offset, limit: int) -> None:
        ids = await spaced(broker, offset, 7)
        assert await listed(broker, Query(), limit) == ids

    async def test_jobs_of_one_call_are_all_listed(self, broker: Broker) -> None:
        jobs = new_jobs(10)
        await broker.enqueue(jobs)
        assert sorted(await listed(broker, Query(), 3)) == ids_of(jobs)

    async def test_new_jobs_do_not_shift_the_pages(self, broker: Broker, offset: Offset) -> None:
        ids = await spaced(broker, offset, 6)
        seen: list[str] = []
        cursor = None
        for _ in range(3):
            page = await broker.find(Query(), limit=2, cursor=cursor)
            seen += ids_of(page.items)
            cursor = page.next_cursor
            await spaced(broker, offset, 3)
        assert seen == ids

    async def test_jobs_that_move_on_do_not_shift_the_pages(
        self, broker: Broker, offset: Offset
    ) -> None:
        ids = await spaced(broker, offset, 6)
        seen: list[str] = []
        cursor = None
        for _ in range(3):
            page = await broker.find(Query(), limit=2, cursor=cursor)
            seen += ids_of(page.items)
            cursor = page.next_cursor
            await finish(broker, (await take(broker, 1))[0])
        assert seen == ids

    async def test_deleted_jobs_do_not_break_a_cursor(self, broker: Broker, offset: Offset) -> None:
        ids = await spaced(broker, offset, 4)
        page = await broker.find(Query(), limit=2)
        await broker.cancel([ids[1], ids[2]])
        await broker.prune({State.CANCELLED: Keep(count=0)}, 10)
        rest = await broker.find(Query(), limit=2, cursor=page.next_cursor)
        assert ids_of(rest.items) == [ids[3]]

    @pytest.mark.parametrize("cursor", ["", "nonsense", "1.2.3", "9" * 60, "ä.ö", "\0"])
    async def test_what_is_no_cursor_is_refused(self, broker: Broker, cursor: str) -> None:
        await broker.enqueue([new_job()])
        with pytest.raises(InvalidFilter, match="cursor"):
            await broker.find(Query(), cursor=cursor)


class FilteringPromises:
    @pytest.fixture
    async def jobs(self, broker: Broker, offset: Offset) -> dict[str, str]:
        """Jobs that differ, by name: one in each state, with queue, type and tags of its own."""
        ids = {}
        for state in State:
            offset.advance(100)
            job = new_job(
                f"queue.{state}", type=f"type.{state}.x", tags=("all", str(state)), priority=3
            )
            ids[str(state)] = job.id
            if state is State.PENDING:
                await broker.enqueue([job])
                continue
            claim = await start(broker, job)
            if state is not State.RUNNING:
                await finish(broker, claim, state, delay=5000.0)
        return ids

    async def find(self, broker: Broker, jobs: dict[str, str], query: Query) -> set[str]:
        names = {id: name for name, id in jobs.items()}
        return {names[id] for id in await listed(broker, query, 2)}

    @pytest.mark.parametrize("state", sorted(State))
    async def test_by_state(self, broker: Broker, jobs: dict[str, str], state: State) -> None:
        assert await self.find(broker, jobs, Query(states=(state,))) == {state}

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            (Query(states=(State.FAILED, State.RUNNING)), {"failed", "running"}),
            (Query(types=("type.failed.x",)), {"failed"}),
            (Query(types=("type.*.x", "none")), set(map(str, State))),
            (Query(types=("type.c*",)), {"completed", "cancelled"}),
            (Query(types=("type.c*", "*.running.*")), {"completed", "cancelled", "running"}),
            (Query(queues=("queue.skipped",)), {"skipped"}),
            (Query(queues=("queue.?ending", "queue.r*")), {"pending", "running", "retrying"}),
            (Query(tags=("all",)), set(map(str, State))),
            (Query(tags=("all", "failed")), {"failed"}),
            (Query(tags=("completed", "failed")), set()),
            (Query(states=(State.FAILED,), types=("type.c*",)), set()),
            (Query(states=(State.FAILED,), types=("type.f*",), tags=("all",)), {"failed"}),
            (Query(types=("nothing",)), set()),
        ],
    )
    async def test_by_what_a_job_is(
        self, broker: Broker, jobs: dict[str, str], query: Query, names: set[str]
    ) -> None:
        assert await self.find(broker, jobs, query) == names

    async def test_by_creation(self, broker: Broker, jobs: dict[str, str]) -> None:
        order = list(jobs)
        third = (await job_of(broker, jobs[order[2]])).created_at
        fifth = (await job_of(broker, jobs[order[4]])).created_at
        assert await self.find(broker, jobs, Query(since=third)) == set(order[2:])
        assert await self.find(broker, jobs, Query(until=third)) == set(order[:2])
        assert await self.find(broker, jobs, Query(since=third, until=fifth)) == set(order[2:4])
        assert await self.find(broker, jobs, Query(since=fifth + timedelta(days=1))) == set()

    async def test_by_end(self, broker: Broker, jobs: dict[str, str]) -> None:
        order = [name for name in jobs if State(name).final]
        ended = (await job_of(broker, jobs[order[2]])).completed_at
        assert await self.find(broker, jobs, Query(finished_since=ended)) == set(order[2:])

    async def test_a_rare_match_is_found_behind_many_others(self, broker: Broker) -> None:
        rare = new_job(type="rare", tags=("rare",))
        await broker.enqueue([rare])
        for _ in range(5):
            await broker.enqueue(new_jobs(1000))
        for query in (Query(types=("rare",)), Query(tags=("rare",))):
            assert await listed(broker, query) == [rare.id]

    async def test_a_page_says_how_many_records_it_looked_at(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(10))
        page = await broker.find(Query(), limit=4)
        assert len(page.items) == 4 and page.examined >= 4
