"""Numbered steps, forward only. Each first expands; what nobody needs goes a release later.

A store records which step it has reached and the oldest program that may still use it (by the number
of that program's own last step), so that a rolling upgrade works: only a program older than that
refuses.
"""

import re
from importlib.resources.abc import Traversable

import msgspec

from stoker.jobs.errors import BrokerRefused, SchemaTooNew

_NAME = re.compile(r"(\d{4})\.sql")
_OLDEST = re.compile(r"^-- .*\boldest: (\d+)", re.MULTILINE)


class Step(msgspec.Struct, frozen=True):
    """One migration, and the oldest program that still understands the store after it."""

    number: int
    oldest: int
    sql: str


class Stored(msgspec.Struct, frozen=True):
    """What a store says of itself; version 0 is an empty one."""

    version: int = 0
    oldest: int = 0


def read_steps(folder: Traversable) -> list[Step]:
    """All steps of this program, from 1 on without a gap. Raises BrokerRefused for a broken folder."""
    found = []
    for file in folder.iterdir():
        if name := _NAME.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            oldest = _OLDEST.search(text)
            if oldest is None:
                raise BrokerRefused(f"the migration {file.name} does not say `oldest: N`")
            found.append(Step(int(name[1]), int(oldest[1]), text))
    found.sort(key=lambda step: step.number)
    if not found or [step.number for step in found] != list(range(1, len(found) + 1)):
        raise BrokerRefused(f"the migrations in {folder} are not numbered 1, 2, 3 …")
    return found


def refuse_newer(found: Stored, known: int, store: str) -> None:
    """Raise SchemaTooNew if this program, which knows so many steps, is too old for the store."""
    if known < found.oldest:
        raise SchemaTooNew(
            f"{store} was prepared by a newer Stoker (schema {found.version}, for programs "
            f"from schema {found.oldest} on; this one knows {known}): upgrade this program"
        )
