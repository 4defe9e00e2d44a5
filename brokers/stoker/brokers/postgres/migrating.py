"""Creates and upgrades what the database must hold."""

from importlib.resources import files

from stoker.brokers.migrations import Step, Stored, read_steps, refuse_newer
from stoker.brokers.postgres.connections import Own
from stoker.brokers.postgres.session import Session

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


def steps() -> list[Step]:
    """All steps of this program."""
    return read_steps(files("stoker.brokers.postgres") / "migrations")


async def stored(session: Session) -> Stored:
    """What the store says of itself."""
    if not (await session.rows(_IS_THERE))[0][0]:
        return Stored()
    found = await session.rows(_READ)
    return Stored(*found[0]) if found else Stored()


async def refuse_too_new(session: Session) -> Stored:
    """Raise SchemaTooNew if this program is too old for the store."""
    found = await stored(session)
    refuse_newer(found, len(steps()), "the database")
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
