"""Numbered steps, forward only. Each first expands; what nobody needs goes a release later.

The store records which step it has reached and the oldest program that may still use it (by the number
of that program's own last step), so that a rolling upgrade works: only a program older than that
refuses.
"""

import re
from importlib.resources import files

import msgspec

from stoker.brokers.postgres.connections import Own
from stoker.brokers.postgres.session import Session
from stoker.jobs.errors import BrokerRefused, SchemaTooNew

_NAME = re.compile(r"(\d{4})\.sql")
_OLDEST = re.compile(r"^-- .*\boldest: (\d+)", re.MULTILINE)
_LOCK = "SELECT pg_advisory_xact_lock(8031, 0)"
_IS_THERE = "SELECT to_regclass('stoker.schema') IS NOT NULL"
_READ = "SELECT version, oldest FROM stoker.schema"
_BEGIN = """
CREATE SCHEMA IF NOT EXISTS stoker;
CREATE TABLE IF NOT EXISTS stoker.schema (
    one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL, oldest integer NOT NULL
)
"""
_RECORD = """
INSERT INTO stoker.schema (one, version, oldest) VALUES (1, {number}, {oldest})
ON CONFLICT (one) DO UPDATE SET version = excluded.version, oldest = excluded.oldest
"""


class Step(msgspec.Struct, frozen=True):
    """One migration, and the oldest program that still understands the store after it."""

    number: int
    oldest: int
    sql: str


class Stored(msgspec.Struct, frozen=True):
    """What the store says of itself; version 0 is an empty one."""

    version: int = 0
    oldest: int = 0


def steps() -> list[Step]:
    """All steps of this program, from 1 on without a gap."""
    found = []
    for file in (files("stoker.brokers.postgres") / "migrations").iterdir():
        if name := _NAME.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            oldest = _OLDEST.search(text)
            if oldest is None:
                raise BrokerRefused(f"the migration {file.name} does not say `oldest: N`")
            found.append(Step(int(name[1]), int(oldest[1]), text))
    found.sort(key=lambda step: step.number)
    if not found or [step.number for step in found] != list(range(1, len(found) + 1)):
        raise BrokerRefused("the migrations of the Postgres broker are not numbered 1, 2, 3 …")
    return found


async def stored(session: Session) -> Stored:
    """What the store says of itself."""
    if not (await session.rows(_IS_THERE))[0][0]:
        return Stored()
    found = await session.rows(_READ)
    return Stored(*found[0]) if found else Stored()


async def refuse_too_new(session: Session) -> Stored:
    """Raise SchemaTooNew if this program is too old for the store."""
    found, known = await stored(session), len(steps())
    if known < found.oldest:
        raise SchemaTooNew(
            f"the database was prepared by a newer Stoker (schema {found.version}, for programs "
            f"from schema {found.oldest} on; this one knows {known}): upgrade this program"
        )
    return found


async def migrate(session: Own) -> None:
    """Take the steps that are still to be taken, all in one transaction, one program at a time."""
    todo = steps()
    if (await refuse_too_new(session)).version >= len(todo):
        return
    async with session.whole():
        await session.rows(_LOCK)
        await session.script(_BEGIN)
        found = await refuse_too_new(session)  # another program may have been quicker
        for step in todo[found.version :]:
            await session.script(step.sql)
            await session.script(_RECORD.format(number=step.number, oldest=step.oldest))
