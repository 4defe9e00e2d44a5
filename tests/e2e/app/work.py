"""The handlers of the end-to-end tests; what they do, they say in files of the working directory.

`effects` is appended to, a write for each line: the witness of what has run, and when. `told` is a
named pipe that the test listens to. `go.N` is another: a run that waits does so until a line comes out
of it, where N is how often its job has crashed; a run without such a pipe does not wait.
"""

import asyncio
import json
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import anyio

from stoker.brokers.connecting import connect
from stoker.handlers import Context, Retry, handler
from stoker.jobs.errors import LeaseLost
from stoker.jobs.job import Held, Report, Settlement
from stoker.jobs.state import State

BROKER = "sqlite:///stoker.db"


def write(path: str, *words: object) -> None:
    """One line, in one write."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(fd)


def mark(ctx: Context, what: str) -> None:
    """start, done or cut: by which run, in which process, at which moment since the boot."""
    job = ctx.job
    write("effects", what, job.id, job.token, os.getpid(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def tell(ctx: Context, what: str, *more: object) -> None:
    write("told", what, ctx.job.id, os.getpid(), *more)


def stop_here() -> None:
    """Stand still, as a process that is swapped out, until the test wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)


async def until_told(ctx: Context) -> None:
    pipe = Path(f"go.{ctx.job.crashes}")
    if not pipe.is_fifo():  # noqa: ASYNC240
        return
    fd = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            await anyio.wait_readable(fd)
            try:
                os.read(fd, len("go\n"))
            except BlockingIOError:
                continue  # another run has taken it
            return
    finally:
        os.close(fd)


@handler("append")
async def append(ctx: Context, seconds: float = 0.0) -> str:
    """Works for so long."""
    mark(ctx, "start")
    try:
        await asyncio.sleep(seconds)  # sleeps: this is the work
    except asyncio.CancelledError:
        mark(ctx, "cut")
        raise
    mark(ctx, "done")
    return ctx.job.token


@handler("append_thread")
def append_thread(ctx: Context, seconds: float = 0.0) -> str:
    """Works for so long in a thread."""
    mark(ctx, "start")
    time.sleep(seconds)  # sleeps: this is the work
    mark(ctx, "done")
    return ctx.job.token


@handler("hold")
async def hold(ctx: Context) -> str:
    """Works until the test lets it go."""
    mark(ctx, "start")
    tell(ctx, "running")
    try:
        await until_told(ctx)
    except asyncio.CancelledError:
        mark(ctx, "cut")
        tell(ctx, "cut", ctx.cancel_reason)
        raise
    mark(ctx, "done")
    return ctx.job.token


@handler("hold_unfenced", self_fence=False)
async def hold_unfenced(ctx: Context) -> str:
    """The same, and it is not stopped where its lease could not be renewed."""
    return await hold(ctx)


@handler("hold_isolated", isolation="process")
async def hold_isolated(ctx: Context) -> str:
    """The same in a child process."""
    return await hold(ctx)


@handler("hold_thread", retry=Retry(base="1h", max_attempts=2))
def hold_thread(ctx: Context) -> str:
    """Waits in a thread, which nobody can end."""
    mark(ctx, "start")
    tell(ctx, "running")
    if ctx.job.attempts == 1 and Path("go.0").is_fifo():
        fd = os.open("go.0", os.O_RDWR)
        os.read(fd, len("go\n"))
    mark(ctx, "done")
    return ctx.job.token


@handler("block")
async def block(ctx: Context, seconds: float) -> str:
    """Blocks the event loop for so long."""
    mark(ctx, "start")
    tell(ctx, "running")
    time.sleep(seconds)  # noqa: ASYNC251  # sleeps: a handler that blocks is what is tried
    mark(ctx, "done")
    return ctx.job.token


@handler("block_for_ever")
async def block_for_ever(ctx: Context) -> str:
    """Blocks the event loop until its process ends; its second run is done at once."""
    mark(ctx, "start")
    tell(ctx, "running")
    if not ctx.job.crashes:
        threading.Event().wait()
    mark(ctx, "done")
    return ctx.job.token


@handler("die")
async def die(ctx: Context, how: str) -> None:
    """Takes its process along."""
    mark(ctx, "start")
    tell(ctx, "running")
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


# Zombies: stopped in their first run, and woken when it is no longer theirs to write.


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
    async with connect(BROKER) as broker:
        renewal = await broker.renew([Held(id, token)], 3600.0)
        stale = await broker.report([Report(id=id, token=token, progress=99.0)])
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
    connection = sqlite3.connect(BROKER.removeprefix("sqlite:///"))
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS effect (token TEXT)")
        connection.execute("INSERT INTO effect VALUES (?)", (ctx.job.token,))
        ctx.sync_complete_in(connection, "late")
        connection.commit()
    except LeaseLost:
        connection.rollback()
        verdict = "lost"
    else:
        verdict = "accepted"
    [kept] = connection.execute("SELECT count(*) FROM effect").fetchone()
    connection.close()
    return {"complete_in": verdict, "effects": kept}
