"""The demo's own handlers: each shows one thing that can become of a job."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from stoker.handlers import Context, Handler, Retry, handler, step
from stoker.handlers.environment import required

FOLDER = "STOKER_DEMO_FOLDER"
"""Names the folder where handlers leave marks, for the demo to find."""

QUICK_RETRY = Retry(max_attempts=4, base=0.3, factor=1.5, cap=2)
"""So that failing and trying again can be watched."""
ROUNDS = 20_000


def mark(job: str, what: str) -> None:
    """Leave a mark that the demo looks for."""
    folder = Path(required(FOLDER, "/tmp/demo"))
    (folder / f"{job}.{what}").touch()


def digest(text: str) -> str:
    """Some honest work: a key derivation, which lets other threads run meanwhile."""
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"demo", ROUNDS).hex()


@handler("demo.flaky", queue="demo", retry=QUICK_RETRY)
async def flaky(ctx: Context, failures: int) -> int:
    """Fails so often, then succeeds; answers the number of the run that did."""
    if ctx.job.attempts <= failures:
        raise ConnectionError(f"the partner hung up, for the {ctx.job.attempts}. time")
    return ctx.job.attempts


@handler("demo.hopeless", queue="demo", retry=Retry(max_attempts=3, base=0.2, cap=1))
async def hopeless(ctx: Context) -> None:
    """Fails whenever it runs."""
    raise ValueError("this never works")


@handler("demo.until_cancelled", queue="demo", priority=9)
async def until_cancelled(ctx: Context) -> None:
    """Runs until it is cancelled, and then cleans up."""
    mark(ctx.job.id, "started")
    ctx.progress(50, "waiting to be cancelled")
    try:
        await asyncio.Event().wait()
    finally:
        mark(ctx.job.id, "cleaned")


@handler("demo.poison", queue="demo", priority=9, isolation="process")
def poison(ctx: Context) -> None:
    """Ends the process that it runs in, every time."""
    os._exit(66)


@handler("demo.later", queue="demo", priority=7)
async def later(ctx: Context) -> float:
    """Answers by how many seconds it started after its time."""
    return (datetime.now(UTC) - ctx.job.scheduled_at).total_seconds()


@handler("demo.digest", queue="demo")
def digest_in_thread(ctx: Context, text: str) -> str:
    """Works in a thread."""
    ctx.log(f"{ROUNDS} rounds over {len(text)} characters")
    return digest(text)


@handler("demo.single", queue="demo")
async def single(ctx: Context, number: int) -> int:
    """What there is only one of at a time."""
    return number


class Tidy(Handler, name="demo.tidy", queue="demo"):
    """Three steps, of which each runs once."""

    @step
    async def sweep(self, ctx: Context) -> None:
        mark(ctx.job.id, "sweep")

    @step
    async def wipe(self, ctx: Context) -> None:
        mark(ctx.job.id, "wipe")

    @step
    async def air(self, ctx: Context) -> None:
        mark(ctx.job.id, "air")
