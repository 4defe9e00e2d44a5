"""`stoker enqueue`."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stoker.daemon.command_line.failing import WrongUsage
from stoker.daemon.command_line.opening import open_client
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import print_json, print_line

if TYPE_CHECKING:
    from stoker.client import JobHandle


async def enqueue(
    type: str,
    arguments: str = "{}",
    /,
    *,
    queue: str | None = None,
    priority: int | None = None,
    at: str | None = None,
    delay: str | None = None,
    unique: str | None = None,
    tag: tuple[str, ...] = (),
    wait: bool = False,
    options: Printing = PRINTING,
) -> None:
    """Put a job in, and print its id; with --wait, its result.

    Parameters
    ----------
    type
        The handler's name, as 'reports.generate'.
    arguments
        A JSON object by parameter, as '{"kind": "monthly"}'; @FILE reads it from a file, and - from
        standard input.
    queue
        In place of the handler's.
    priority
        0 to 9, higher first.
    at
        Not before this time, in ISO with a time zone, as 2026-01-31T12:00:00Z.
    delay
        Not before so long, as 90s or 1h30m.
    unique
        A key: at most one job with it waits or runs in its queue.
    tag
        To find it by; again for more than one.
    wait
        Wait until it has ended, and print its result; status 1 unless it completes.
    """
    async with open_client(options) as client:
        job = await client.enqueue(
            type,
            object_of(arguments),
            queue=queue,
            priority=priority,
            at=time_of("--at", at, "; --delay takes a duration"),
            delay=delay,
            unique=unique,
            tags=tag or None,
        )
        if not job.created:
            print(f"stoker: job {job.id} stands for it: it holds {unique!r} already", file=sys.stderr)
        result = await _result(job) if wait else None
    if options.json:
        answer: dict[str, Any] = {"id": job.id, "created": job.created}
        print_json(answer | ({"result": result} if wait else {}))
    elif wait:
        print_json(result)
    else:
        print_line(job.id)


async def _result(job: "JobHandle[Any]") -> Any:
    if sys.stderr.isatty():
        print(f"stoker: waiting for job {job.id}; Ctrl-C leaves it be", file=sys.stderr)
    return await job.result()


def object_of(text: str) -> dict[str, Any]:
    """A job's arguments, as they are written on the command line."""
    if text.startswith("@"):
        text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise WrongUsage(f"the arguments are no JSON ({error}): {_LIKE}") from None
    if not isinstance(value, dict):
        raise WrongUsage(f"the arguments are no JSON object, but {text[:60]}: {_LIKE}")
    return value


_LIKE = """write an object by parameter, as '{"kind": "monthly"}'"""


def time_of(option: str, text: str | None, hint: str = "") -> datetime | None:
    """A time that is written in ISO; None for none."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"{option} is a time in ISO, as 2026-01-31T12:00:00Z, not {text!r}{hint}"
        ) from None
