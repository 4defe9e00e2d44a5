"""Recurring jobs that change together: in one transaction, and in few statements."""

from collections.abc import AsyncIterator

import pytest

from stoker.brokers import Broker
from stoker.brokers.conformance import Opening
from stoker.brokers.conformance.making import counts_of, new_job
from stoker.brokers.conformance.scheduling import HOUR, PAST, new_row, put, slot_job, written
from stoker.brokers.postgres.connections import Own
from stoker.brokers.postgres.statements import statements
from stoker.jobs.clock import Offset
from stoker.jobs.errors import UniqueConflict
from stoker.jobs.job import Holding
from stoker.jobs.recurring import Skip

ROWS = 50


@pytest.fixture
async def broker(opening: Opening) -> AsyncIterator[Broker]:
    async with opening(Offset()) as broker:
        yield broker


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent from now on."""
    texts: list[str] = []
    rows, script = Own.rows, Own.script

    async def noting_rows(own: Own, text: str, *values: object) -> object:
        texts.append(text)
        return await rows(own, text, *values)

    async def noting_script(own: Own, text: str) -> None:
        texts.append(text)
        await script(own, text)

    monkeypatch.setattr(Own, "rows", noting_rows)
    monkeypatch.setattr(Own, "script", noting_script)
    return texts


async def test_a_look_at_what_is_due_is_one_statement(broker: Broker, sent: list[str]) -> None:
    await put(broker, *(new_row(f"row {number}") for number in range(ROWS)))
    sent.clear()
    assert len((await broker.due(10)).items) == 10
    assert len(sent) == 1


async def test_rows_alone_are_written_by_one_statement(broker: Broker, sent: list[str]) -> None:
    await put(broker, *(new_row(f"row {number}") for number in range(ROWS)))
    assert len(sent) == 1


async def test_many_rows_with_jobs_take_no_more_statements_than_a_few(
    broker: Broker, sent: list[str]
) -> None:
    counts = []
    for many in (1, ROWS):
        rows = [new_row(f"{many} {number}") for number in range(many)]
        changes = []
        for row in rows:
            skip = Skip(slot_job(row, PAST + HOUR), "overlap")
            changes.append(written(row, slot_job(row, PAST), skipped=(skip,)))
        sent.clear()
        changed = await broker.change(changes)
        assert all(each.accepted and each.answers[0].created for each in changed)
        counts.append(len([text for text in sent if text != statements().tell]))  # hints come late
    assert counts[0] == counts[1] <= 8
    assert (await counts_of(broker, "q")).skipped == ROWS + 1


async def test_a_job_that_is_refused_takes_every_change_of_the_call_back(broker: Broker) -> None:
    await broker.enqueue([new_job("q", unique=Holding("k"))])
    first, second = new_row("first"), new_row("second")
    refused = slot_job(second, PAST, unique=Holding("k", on_conflict="error"))
    with pytest.raises(UniqueConflict):
        await broker.change([written(first, slot_job(first, PAST)), written(second, refused)])
    assert await broker.recurring_count() == 0
    assert (await counts_of(broker, "q")).total == 1


async def test_a_skipped_slot_is_told_to_nobody_as_ready(broker: Broker, sent: list[str]) -> None:
    row = new_row()
    await broker.change([written(row, skipped=(Skip(slot_job(row, PAST), "overlap"),))])
    await broker.__aexit__(None, None, None)  # what is still to be told is told
    assert statements().tell not in sent
