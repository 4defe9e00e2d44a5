"""Promise 10, of batches: one bad item never sinks its mates, and leaves its own job readable."""

import json
import math
from datetime import datetime
from typing import Any

import msgspec
import pytest

from stoker.brokers.conformance.making import (
    EPOCH,
    detail_of,
    ending,
    finish,
    job_of,
    new_jobs,
    run_of,
    state_of,
    take,
)
from stoker.brokers.protocol import Broker
from stoker.jobs.job import Claim, LogLine, Report, Run
from stoker.jobs.state import State

HUGE = b'"' + b"x" * (65 * 1024 * 1024) + b'"'
NAIVE = datetime(2027, 1, 1)

BAD_TEXTS = ["nul \0 inside", "\0", "lone \ud800 surrogate", "\udfff", "x" * 200_000]
BAD_TEXT_IDS = ["a NUL", "only a NUL", "a lone surrogate", "only one", "very long"]

BAD_RESULTS = {
    "not JSON": b"not json",
    "empty": b"",
    "cut off": b'{"a": ',
    "NaN": b"NaN",
    "infinity": b'{"a": Infinity}',
    "no UTF-8": b'"\xff\xfe"',
    "a raw NUL": b'"\x00"',
    "two values": b"1 2",
}
DOUBTFUL_RESULTS = {
    "an escaped NUL": b'"\\u0000"',
    "an escaped surrogate": b'"\\ud800"',
    "too large": HUGE,
    "deep": b"[" * 5000 + b"]" * 5000,
}
BAD_FIELDS: dict[str, dict[str, Any]] = {
    "a delay that is no number": {"state": State.RETRYING, "delay": math.nan},
    "an endless delay": {"state": State.RETRYING, "delay": math.inf},
    "counts beyond any integer": {"attempts": 2**70},
    "a line without a time zone": {"logs": (LogLine(NAIVE, "line"),)},
    "a run without a time zone": {"run": Run(attempt=1, started_at=NAIVE)},
    "running": {"state": State.RUNNING},
    "a progress that is no number": {"progress": math.nan},
    "an endless progress": {"progress": math.inf},
}


async def three(broker: Broker) -> list[Claim]:
    await broker.enqueue(new_jobs(3))
    return await take(broker)


class BadSettlementPromises:
    @pytest.mark.parametrize("result", BAD_RESULTS.values(), ids=list(BAD_RESULTS))
    async def test_a_result_that_is_no_json_is_refused_alone(
        self, broker: Broker, result: bytes
    ) -> None:
        first, bad, last = await three(broker)
        there = await detail_of(broker, bad.id)
        verdicts = await broker.settle(
            [ending(first), ending(bad, result=result, run=run_of(bad)), ending(last)]
        )
        assert verdicts == ["accepted", "invalid", "accepted"]
        assert await detail_of(broker, bad.id) == there
        await finish(broker, bad)

    @pytest.mark.parametrize("result", DOUBTFUL_RESULTS.values(), ids=list(DOUBTFUL_RESULTS))
    async def test_a_result_that_some_stores_cannot_hold_is_kept_or_refused(
        self, broker: Broker, result: bytes
    ) -> None:
        first, bad, last = await three(broker)
        before, verdict, after = await broker.settle(
            [ending(first), ending(bad, result=result), ending(last)]
        )
        assert (before, after) == ("accepted", "accepted")
        job = await job_of(broker, bad.id)
        if verdict == "invalid":
            assert job.state is State.RUNNING
        else:
            assert (verdict, job.state) == ("accepted", State.COMPLETED)
            assert job.result is not None and bytes(job.result) == result

    @pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=list(BAD_FIELDS))
    async def test_a_field_that_cannot_be_written_sinks_nobody_else(
        self, broker: Broker, fields: dict[str, Any]
    ) -> None:
        first, bad, last = await three(broker)
        there = await detail_of(broker, bad.id)
        settlement = msgspec.structs.replace(ending(bad), **fields)
        before, verdict, after = await broker.settle([ending(first), settlement, ending(last)])
        assert (before, after) == ("accepted", "accepted")
        assert [await state_of(broker, claim.id) for claim in (first, last)] == [State.COMPLETED] * 2
        if verdict == "invalid":
            assert await detail_of(broker, bad.id) == there
            await finish(broker, bad)
        else:
            assert verdict == "accepted"
            json.dumps((await job_of(broker, bad.id)).progress, allow_nan=False)

    @pytest.mark.parametrize("text", BAD_TEXTS, ids=BAD_TEXT_IDS)
    async def test_texts_are_made_fit_and_never_refused(self, broker: Broker, text: str) -> None:
        first, bad, last = await three(broker)
        run = Run(
            attempt=1,
            started_at=bad.started_at,
            worker=text[:100],
            outcome=text[:100],
            error=text,
            traceback=text,
        )
        settlement = ending(
            bad,
            State.FAILED,
            reason=text,
            error=text,
            progress=1.0,
            progress_message=text,
            run=run,
            logs=(LogLine(EPOCH, text, text[:100]),),
        )
        verdicts = await broker.settle([ending(first), settlement, ending(last)])
        assert verdicts == ["accepted"] * 3
        detail = await detail_of(broker, bad.id)
        assert detail.job.state is State.FAILED
        assert len(detail.history) == len(detail.logs) == 1
        readable(detail.job.reason, detail.job.error, detail.job.progress_message)
        readable(detail.history[0].error, detail.history[0].traceback, detail.logs[0].message)

    async def test_a_refused_one_sent_twice_is_refused_twice(self, broker: Broker) -> None:
        first, bad, last = await three(broker)
        settlement = ending(bad, State.RUNNING)
        verdicts = await broker.settle([ending(first), settlement, settlement, ending(last)])
        assert verdicts == ["accepted", "invalid", "invalid", "accepted"]

    async def test_a_refused_one_leaves_the_counts(self, broker: Broker) -> None:
        first, bad, last = await three(broker)
        await broker.settle([ending(first), ending(bad, result=b"NaN"), ending(last)])
        (info,) = await broker.queues()
        assert (info.counts.running, info.counts.completed, info.counts.total) == (1, 2, 3)

    async def test_a_cancel_reason_is_made_fit(self, broker: Broker) -> None:
        first, second, third = new_jobs(3)
        await broker.enqueue([first, second, third])
        for job, text in ((first, BAD_TEXTS[0]), (second, BAD_TEXTS[2]), (third, BAD_TEXTS[4])):
            (answer,) = await broker.cancel([job.id], text)
            assert answer.verdict == "cancelled"
            readable((await job_of(broker, job.id)).reason)


class BadReportPromises:
    @pytest.mark.parametrize("text", BAD_TEXTS, ids=BAD_TEXT_IDS)
    async def test_texts_are_made_fit_and_never_refused(self, broker: Broker, text: str) -> None:
        claims = await three(broker)
        lines = [LogLine(EPOCH, "first"), LogLine(EPOCH, text, text[:100]), LogLine(EPOCH, "last")]
        reports = [
            Report(
                id=claim.id, token=claim.token, progress=5.0, progress_message=text, logs=tuple(lines)
            )
            for claim in claims
        ]
        assert await broker.report(reports) == frozenset()
        for claim in claims:
            detail = await detail_of(broker, claim.id)
            messages = [line.message for line in detail.logs]
            assert (messages[0], messages[2], len(messages)) == ("first", "last", 3)
            readable(messages[1], detail.logs[1].level, detail.job.progress_message)

    @pytest.mark.parametrize("progress", [math.nan, math.inf, -math.inf], ids=str)
    async def test_a_progress_that_is_no_number_is_passed_over(
        self, broker: Broker, progress: float
    ) -> None:
        first, bad, last = await three(broker)
        await broker.report([Report(id=bad.id, token=bad.token, progress=40.0)])
        reports = [
            Report(id=first.id, token=first.token, progress=10.0),
            Report(id=bad.id, token=bad.token, progress=progress, logs=(LogLine(EPOCH, "line"),)),
            Report(id=last.id, token=last.token, progress=30.0),
        ]
        assert await broker.report(reports) == frozenset()
        kept = [(await job_of(broker, claim.id)).progress for claim in (first, bad, last)]
        assert kept == [10.0, 40.0, 30.0]
        assert [line.message for line in (await detail_of(broker, bad.id)).logs] == ["line"]

    @pytest.mark.parametrize(
        "changes",
        [{"logs": (LogLine(NAIVE, "line"),)}, {"dropped_logs": 2**70}],
        ids=["a line without a time zone", "a count beyond any integer"],
    )
    async def test_what_cannot_be_written_sinks_nobody_else(
        self, broker: Broker, changes: dict[str, Any]
    ) -> None:
        first, bad, last = await three(broker)
        line = LogLine(EPOCH, "line")
        reports = [
            Report(id=first.id, token=first.token, progress=10.0, logs=(line,)),
            msgspec.structs.replace(Report(id=bad.id, token=bad.token), **changes),
            Report(id=last.id, token=last.token, progress=30.0, logs=(line,)),
        ]
        assert await broker.report(reports) == frozenset()
        for claim, progress in ((first, 10.0), (last, 30.0)):
            detail = await detail_of(broker, claim.id)
            assert (detail.job.progress, detail.logs) == (progress, (line,))
        await finish(broker, bad)


def readable(*texts: str | None) -> None:
    """Texts as a page or another language could show them."""
    for text in texts:
        assert text and "\0" not in text
        text.encode("utf-8")
