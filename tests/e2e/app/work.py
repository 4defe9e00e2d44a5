"""The handlers of the end-to-end tests; what they do, they say in files of the working directory.

`effects` is appended to, a write for each line: the witness of what has run, and when. `told` is a
named pipe that the test listens to. `go.N` is another: a run that waits does so until a line comes out
of it, where N is how often its job has crashed; a run without such a pipe does not wait.
"""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import anyio

from stoker.handlers import Context, Retry, handler


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
