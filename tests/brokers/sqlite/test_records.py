import json

import pytest

from stoker.brokers.conformance.making import finish, job_of, new_job, start, take
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.brokers.sqlite.records import INLINE, ids_text
from stoker.jobs.state import State

from .conftest import Connect


def json_of(size: int) -> bytes:
    """A JSON object of exactly so many bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize(("size", "apart"), [(INLINE, 0), (INLINE + 1, 1), (200_000, 1)])
async def test_a_large_payload_lies_apart_from_its_job(
    broker: SqliteBroker, connect: Connect, size: int, apart: int
) -> None:
    payload = json_of(size)
    claim = await start(broker, new_job(payload=payload))
    assert claim.payload == payload
    with connect() as connection:
        inline, rows = connection.execute(
            "SELECT payload IS NOT NULL, (SELECT count(*) FROM stoker_large) FROM stoker_job"
        ).fetchone()
    assert (inline, rows) == (1 - apart, apart)


@pytest.mark.parametrize(("size", "apart"), [(INLINE, 0), (INLINE + 1, 1)])
async def test_a_large_result_lies_apart_from_its_job(
    broker: SqliteBroker, connect: Connect, size: int, apart: int
) -> None:
    claim = await start(broker)
    await finish(broker, claim, result=json_of(size))
    result = (await job_of(broker, claim.id)).result
    assert result is not None and bytes(result) == json_of(size)
    with connect() as connection:
        inline, rows = connection.execute(
            "SELECT result IS NOT NULL, (SELECT count(*) FROM stoker_large) FROM stoker_job"
        ).fetchone()
    assert (inline, rows) == (1 - apart, apart)


async def test_a_large_payload_stays_over_runs_and_beside_a_large_result(broker: SqliteBroker) -> None:
    payload, result = json_of(10_000), json_of(20_000)
    claim = await start(broker, new_job(payload=payload))
    await finish(broker, claim, State.RETRYING)
    (claim,) = await take(broker)
    assert claim.payload == payload
    await finish(broker, claim, result=result)
    job = await job_of(broker, claim.id)
    assert bytes(job.payload) == payload
    assert job.result is not None and bytes(job.result) == result


async def test_a_retried_job_leaves_no_large_result_behind(
    broker: SqliteBroker, connect: Connect
) -> None:
    claim = await start(broker)
    await finish(broker, claim, result=json_of(10_000))
    await broker.retry([claim.id])
    with connect() as connection:
        assert connection.execute("SELECT count(*) FROM stoker_large").fetchone() == (0,)


@pytest.mark.parametrize("ids", [["a", "b"], [], ["\ud800"], ['"quoted"', "\0"]], ids=ascii)
def test_any_list_of_texts_becomes_json(ids: list[str]) -> None:
    assert len(json.loads(ids_text(ids))) == len(ids)
