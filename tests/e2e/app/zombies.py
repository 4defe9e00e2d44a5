"""Handlers that are stopped in their first run, and woken when it is no longer theirs to write.

`broker` is a file with the URL of the store.
"""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import psycopg
from work import mark, tell, until_told

from stoker.brokers.connecting import connect
from stoker.handlers import Context, handler
from stoker.jobs.errors import LeaseLost, TransactionsUnsupported
from stoker.jobs.job import Held, LogLine, Report, Settlement
from stoker.jobs.state import State


def stop_here() -> None:
    """Stand still, as a process that is swapped out, until the test wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)


@handler("return_late")
async def return_late(ctx: Context) -> str:
    """Nothing comes between its waking and its end: its process goes on to write its outcome."""
    mark(ctx, "start")
    tell(ctx, "running")
    await until_told(ctx)
    if not ctx.job.crashes:
        stop_here()
    mark(ctx, "done")
    return ctx.job.token


@handler("report_late")
async def report_late(ctx: Context, flushed_every: float) -> str:
    """Has news that are on their way to the store when it is stopped, and would go on."""
    mark(ctx, "start")
    tell(ctx, "running")
    await until_told(ctx)
    if ctx.job.crashes:
        return ctx.job.token
    ctx.log("from the zombie")
    ctx.progress(99, "from the zombie")
    await asyncio.sleep(3 * flushed_every)  # sleeps: nothing tells that a report was begun
    stop_here()
    try:
        await anyio.sleep_forever()
        raise AssertionError("not reached")
    finally:
        mark(ctx, "cut")
        tell(ctx, "cut", ctx.cancel_reason)


@handler("write_late")
def write_late(ctx: Context) -> str:
    """Writes past its process' own care, in a thread that nobody ends: the store alone refuses."""
    mark(ctx, "start")
    tell(ctx, "running")
    anyio.run(until_told, ctx)
    if not ctx.job.crashes:
        stop_here()
        verdicts = anyio.run(_written_late, ctx) | _completed_late(ctx)
        tell(ctx, "verdicts", json.dumps(verdicts))
    return ctx.job.token


async def _written_late(ctx: Context) -> dict[str, Any]:
    id, token = ctx.job.id, ctx.job.token
    async with connect(_store()) as broker:
        renewal = await broker.renew([Held(id, token)], 3600.0)
        line = LogLine(datetime.now(UTC), "from the zombie")
        stale = await broker.report([Report(id=id, token=token, progress=99.0, logs=(line,))])
        late = Settlement(id=id, token=token, state=State.COMPLETED, attempts=1, result=b'"late"')
        back = Settlement(id=id, token=token, state=State.PENDING, attempts=0)
        return {
            "renew": "lost" if id in renewal.lost else "renewed",
            "report": "lost" if id in stale else "stored",
            "settle": (await broker.settle([late]))[0],
            "release": (await broker.settle([back]))[0],
        }


def _completed_late(ctx: Context) -> dict[str, Any]:
    """An effect in the handler's own transaction, which the completion is to be part of."""
    scheme, _, rest = _store().partition("://")
    open_own = _OWN.get(scheme, _nowhere)
    connection = open_own(rest.removeprefix("/") if scheme == "sqlite" else _store())
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS effect (token TEXT)")
        connection.commit()
        connection.execute(f"INSERT INTO effect VALUES ('{ctx.job.token}')")
        ctx.sync_complete_in(connection, "late")
        connection.commit()
    except LeaseLost:
        connection.rollback()
        verdict = "lost"
    except TransactionsUnsupported:
        return {"complete_in": "unsupported"}
    else:
        verdict = "accepted"
    [[kept]] = connection.execute("SELECT count(*) FROM effect").fetchall()
    connection.close()
    return {"complete_in": verdict, "effects": kept}


def _nowhere(url: str) -> Any:
    """A database that has nothing to do with the jobs, where these are in none."""
    return sqlite3.connect(":memory:")


_OWN: dict[str, Callable[[str], Any]] = {"sqlite": sqlite3.connect, "postgresql": psycopg.connect}
"""By the scheme of a broker whose jobs can be part of a transaction: a connection of the handler's."""


def _store() -> str:
    return Path("broker").read_text()
