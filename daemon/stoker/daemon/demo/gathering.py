"""Collects the evidence when all jobs have ended."""

import asyncio
import json
from pathlib import Path

from sqlalchemy import Engine, select

from stoker.daemon.demo import mix
from stoker.daemon.demo.evidence import Evidence, OutboxRow, ReportFile
from stoker.daemon.demo.mailbox import Mailbox
from stoker.daemon.demo.play import Play
from stoker.daemon.demo.reading import read_report
from stoker.daemon.demo.stage import Stage, sample
from stoker.handlers.mail.outbox import outbox
from stoker.jobs.job import Job


async def gather(play: Play, stage: Stage, mailbox: Mailbox, engine: Engine) -> Evidence:
    """Everything that there is to judge by, as it stands now."""
    jobs = await play.jobs()
    orders = [one.id for one in play.enqueued if one.planned.group == mix.REPORTED]
    return Evidence(
        enqueued=tuple(play.enqueued),
        jobs=jobs,
        counts=await play.counts(),
        mails=mailbox.received.copy(),
        outbox=await asyncio.to_thread(_outbox, engine),
        reports=await asyncio.to_thread(_reports, [jobs[id] for id in orders if id in jobs]),
        marks=frozenset(path.name for path in stage.marks.iterdir()),
        transactions=tuple(sample()),
    )


def _outbox(engine: Engine) -> tuple[OutboxRow, ...]:
    columns = (outbox.c.message_id, outbox.c.recipients, outbox.c.status, outbox.c.attempts)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns)).all()
    return tuple(OutboxRow(row[0], row[1][0], row[2], row[3]) for row in rows)


def _reports(jobs: list[Job]) -> dict[str, ReportFile]:
    paths = [json.loads(bytes(job.result))["path"] for job in jobs if job.result is not None]
    return {path: read_report(Path(path)) for path in paths if Path(path).is_file()}
