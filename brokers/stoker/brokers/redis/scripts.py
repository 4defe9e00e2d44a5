"""The Lua of every verb, from `lua/`, each with the shared pieces that its header names."""

import re
from collections.abc import Callable
from hashlib import sha1
from importlib.resources import files

import msgspec

from stoker.brokers.files import load
from stoker.jobs.errors import BrokerRefused

SHEBANG_FROM = (7, 0)
"""The version from which a script may say that it is to be run although the server is full."""


class Scripts(msgspec.Struct, frozen=True):
    """One field per file."""

    announce: str
    cancel: str
    change: str
    claim: str
    depart: str
    detail: str
    due: str
    enqueue: str
    filter: str
    find: str
    get: str
    pause: str
    pauses: str
    promote: str
    prune: str
    queues: str
    reclaim: str
    recurring_named: str
    recurring_page: str
    renew: str
    report: str
    resume: str
    retry: str
    settle: str
    tidy: str
    wait: str
    workers: str


class Script(msgspec.Struct, frozen=True):
    """One of them, and the name under which a server knows it that has seen it."""

    text: str
    digest: str


class Pieces(msgspec.Struct, frozen=True):
    """What several scripts share: one field per file of `lua/shared/`."""

    batching: str
    beside: str
    clock: str
    conflicts: str
    consumers: str
    counting: str
    ending: str
    entering: str
    forgetting: str
    matching: str
    reading: str
    ready: str
    record: str
    replacing: str
    taking: str
    telling: str
    timetable: str
    turns: str
    unique: str


_USES = re.compile(r"^-- Uses: ([a-z, ]+)\.(.*)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n|\s+--.*$", re.MULTILINE)


def scripts(version: tuple[int, ...]) -> Scripts:
    """All of them, as a server of this version takes them.

    Raises BrokerRefused for a file that is missing or uses what is not there.
    """
    folder = files("stoker.brokers.redis") / "lua"
    pieces = load(Pieces, folder / "shared", ".lua")
    return load(Scripts, folder, ".lua", _assembled(pieces, version))


def _assembled(pieces: Pieces, version: tuple[int, ...]) -> Callable[[str, str], str]:
    def assembled(name: str, text: str) -> str:
        header = _USES.search(text)
        if header is None:
            raise BrokerRefused(f"{name}.lua does not say what it uses")
        used = header[1].split(", ")
        if unknown := sorted(set(used) - set(Pieces.__struct_fields__)):
            raise BrokerRefused(f"{name}.lua uses {', '.join(unknown)}, which is not there")
        body = "\n".join([*(getattr(pieces, piece) for piece in used), text])
        return _first_line(header[2], version) + _COMMENT.sub("", body).strip() + "\n"

    return assembled


def _first_line(manners: str, version: tuple[int, ...]) -> str:
    """How the server is to treat the script; before version 7 there is no way to say it."""
    if version < SHEBANG_FROM:
        return ""
    if "Only reads" in manners:
        return "#!lua flags=no-writes\n"
    return "#!lua flags=allow-oom\n" if "Goes on when full" in manners else "#!lua\n"


def by_name(version: tuple[int, ...]) -> dict[str, Script]:
    """The same, each ready to be run."""
    return {
        name: Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
        for name, text in msgspec.structs.asdict(scripts(version)).items()
    }
