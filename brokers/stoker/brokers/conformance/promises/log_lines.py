"""Promise 10, of what runs say: progress wins by being newest, lines add up, and none is lost."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from stoker.brokers.conformance.fixtures import Opening
from stoker.brokers.conformance.making import (
    EPOCH,
    detail_of,
    finish,
    job_of,
    new_jobs,
    start,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.job import Claim, LogLine, Report
from stoker.jobs.state import State


def lines(*numbers: int, attempt: int = 1) -> tuple[LogLine, ...]:
    return tuple(
        LogLine(EPOCH + timedelta(milliseconds=number), f"line {number}", "info", attempt)
        for number in numbers
    )


def news(claim: Claim, *numbers: int, progress: float | None = None, dropped: int = 0) -> Report:
    return Report(
        id=claim.id,
        token=claim.token,
        progress=progress,
        logs=lines(*numbers),
        dropped_logs=dropped,
    )


class ReportingPromises:
    async def test_an_empty_list_is_answered_with_nothing(self, broker: Broker) -> None:
        assert await broker.report([]) == frozenset()

    async def test_the_newest_progress_wins(self, broker: Broker) -> None:
        claim = await start(broker)
        for progress, message in ((10.0, "begun"), (55.5, "half"), (30.0, "back")):
            report = Report(id=claim.id, token=claim.token, progress=progress, progress_message=message)
            assert await broker.report([report]) == frozenset()
        job = await job_of(broker, claim.id)
        assert (job.state, job.progress, job.progress_message) == (State.RUNNING, 30.0, "back")

    async def test_what_is_not_said_stays(self, broker: Broker) -> None:
        claim = await start(broker)
        whole = Report(id=claim.id, token=claim.token, progress=10.0, progress_message="begun")
        await broker.report([whole])
        await broker.report([Report(id=claim.id, token=claim.token, progress=20.0)])
        await broker.report([news(claim, 1)])
        job = await job_of(broker, claim.id)
        assert (job.progress, job.progress_message) == (20.0, "begun")

    async def test_lines_add_up_in_their_order(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report([news(claim, 1, 2)])
        await broker.report([news(claim, 3), news(claim, 4, 5)])
        await finish(broker, claim, logs=lines(6))
        detail = await detail_of(broker, claim.id)
        assert detail.logs == lines(1, 2, 3, 4, 5, 6)
        assert detail.dropped_logs == 0

    async def test_a_job_of_a_millisecond_keeps_its_three_lines(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, logs=lines(1, 2, 3))
        assert (await detail_of(broker, claim.id)).logs == lines(1, 2, 3)

    async def test_lines_are_kept_over_runs(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.RETRYING, logs=lines(1, attempt=1))
        (claim,) = await take(broker)
        await finish(broker, claim, logs=lines(2, attempt=2))
        assert (await detail_of(broker, claim.id)).logs == lines(1, attempt=1) + lines(2, attempt=2)

    async def test_a_line_is_kept_with_level_attempt_and_time(self, broker: Broker) -> None:
        claim = await start(broker)
        line = LogLine(EPOCH + timedelta(microseconds=123_456), "größer", "warning", 3)
        await broker.report([Report(id=claim.id, token=claim.token, logs=(line,))])
        assert (await detail_of(broker, claim.id)).logs == (line,)

    async def test_each_job_has_its_own(self, broker: Broker) -> None:
        await broker.enqueue(new_jobs(2))
        first, second = await take(broker)
        await broker.report([news(first, 1, progress=10.0), news(second, 2, progress=20.0)])
        details = [await detail_of(broker, claim.id) for claim in (first, second)]
        assert [detail.logs for detail in details] == [lines(1), lines(2)]
        assert [detail.job.progress for detail in details] == [10.0, 20.0]

    async def test_dropped_lines_add_up(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report([news(claim, 1, dropped=3)])
        await broker.report([news(claim, dropped=2)])
        await finish(broker, claim, dropped_logs=5)
        detail = await detail_of(broker, claim.id)
        assert (detail.dropped_logs, detail.logs) == (10, lines(1))


class LogCapPromises:
    """`max_log_entries`: the newest lines stay, and what had to go is counted."""

    @pytest.fixture
    async def broker(self, opening: Opening, offset: Offset) -> AsyncIterator[Broker]:
        async with opening(offset, max_log_entries=3) as broker:
            await broker.migrate()
            yield broker

    async def test_over_reports_the_newest_stay(self, broker: Broker) -> None:
        claim = await start(broker)
        for number in range(1, 6):
            await broker.report([news(claim, number)])
        detail = await detail_of(broker, claim.id)
        assert (detail.logs, detail.dropped_logs) == (lines(3, 4, 5), 2)

    async def test_within_one_report_the_newest_stay(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report([news(claim, *range(1, 11))])
        detail = await detail_of(broker, claim.id)
        assert (detail.logs, detail.dropped_logs) == (lines(8, 9, 10), 7)

    async def test_with_the_settlement_the_newest_stay(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report([news(claim, 1, 2)])
        await finish(broker, claim, logs=lines(3, 4), dropped_logs=10)
        detail = await detail_of(broker, claim.id)
        assert (detail.logs, detail.dropped_logs) == (lines(2, 3, 4), 11)

    async def test_exactly_the_cap_is_kept_whole(self, broker: Broker) -> None:
        claim = await start(broker)
        await broker.report([news(claim, 1), news(claim, 2, 3)])
        detail = await detail_of(broker, claim.id)
        assert (detail.logs, detail.dropped_logs) == (lines(1, 2, 3), 0)

    async def test_over_runs_the_newest_stay(self, broker: Broker) -> None:
        claim = await start(broker)
        await finish(broker, claim, State.RETRYING, logs=lines(1, 2, 3))
        (claim,) = await take(broker)
        await finish(broker, claim, logs=lines(4))
        detail = await detail_of(broker, claim.id)
        assert (detail.logs, detail.dropped_logs) == (lines(2, 3, 4), 1)
