"""What runs leave behind: progress, log lines, history; and how they hold on to their lease."""

from collections.abc import Sequence
from typing import Any

from stoker.brokers.instant import micros
from stoker.brokers.keepable import UNFIT, kept_line, kept_run, progress_of
from stoker.brokers.redis.records import encoded_line, encoded_run, id_bytes, text
from stoker.brokers.redis.server import Argument, Server
from stoker.jobs.job import Held, LogLine, Renewal, Report, Run

AT_ONCE = 500
"""Runs of one script: the server does nothing else meanwhile."""
LARGEST_COUNT = 2**31


async def renew(server: Server, held: Sequence[Held], lease: float) -> Renewal:
    """Prolong these claims; see `Work.renew`."""

    async def ask(shard: int, held: Sequence[Held]) -> list[Any]:
        answers: list[Any] = []
        for begin in range(0, len(held), AT_ONCE):
            some = held[begin : begin + AT_ONCE]
            words = [word for each in some for word in (id_bytes(each.id), id_bytes(each.token))]
            answers += await server.run("renew", micros(lease), *words, shard=shard)
        return answers

    lost: set[str] = set()
    cancelled: dict[str, str | None] = {}
    answers = await server.shards.parted(held, _id, ask)
    for each, answer in zip(held, answers, strict=True):
        if answer == 0:
            lost.add(each.id)
        elif answer != 1:
            cancelled[each.id] = text(answer[0]) if answer else None
    return Renewal(frozenset(lost), cancelled)


def _id(item: Held | Report) -> str:
    return item.id


async def report(server: Server, reports: Sequence[Report], keep_lines: int) -> frozenset[str]:
    """Keep news of runs that go on; see `Work.report`. What cannot be kept is passed over."""

    async def ask(shard: int, reports: Sequence[Report]) -> list[int]:
        answers: list[int] = []
        for begin in range(0, len(reports), AT_ONCE):
            arguments: list[Argument] = [keep_lines]
            for each in reports[begin : begin + AT_ONCE]:
                arguments += _arguments(each, keep_lines)
            answers += await server.run("report", *arguments, shard=shard)
        return answers

    answers = await server.shards.parted(reports, _id, ask)
    return frozenset(each.id for each, kept in zip(reports, answers, strict=True) if not kept)


def _arguments(news: Report, keep_lines: int) -> list[Argument]:
    try:
        fields = progress_fields(*progress_of(news.progress, news.progress_message))
        rest = beside(None, news.logs, news.dropped_logs, keep_lines)
    except UNFIT:
        fields, rest = [], beside(None, (), 0, keep_lines)
    return [id_bytes(news.id), id_bytes(news.token), len(fields), *fields, *rest]


def progress_fields(progress: float | None, message: str | None) -> list[Argument]:
    """The newest wins; what is not said stays."""
    fields: list[Argument] = []
    if progress is not None:
        fields += ("progress", repr(float(progress)))
    if message is not None:
        fields += ("progress_message", message)
    return fields


def beside(run: Run | None, logs: Sequence[LogLine], dropped: int, keep_lines: int) -> list[Argument]:
    """What is kept beside a job, as scripts take it. Raises one of UNFIT if it cannot be kept."""
    kept = [encoded_line(kept_line(line)) for line in logs]
    newest = kept[max(0, len(kept) - keep_lines) :]
    dropped += len(kept) - len(newest)
    if not 0 <= dropped < LARGEST_COUNT:
        raise OverflowError(f"{dropped} log lines were dropped")
    if run is None:
        return ["", "", dropped, len(newest), *newest]
    run = kept_run(run, None)
    return [encoded_run(run), run.worker or "", dropped, len(newest), *newest]
