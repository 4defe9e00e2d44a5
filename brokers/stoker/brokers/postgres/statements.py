"""The SQL of every verb, from `sql/`, with its parameters numbered and typed."""

import re
from importlib.resources import files

import msgspec

from stoker.brokers.files import load
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerRefused


class Statements(msgspec.Struct, frozen=True):
    """One field per file."""

    announce: str
    wait_for: str
    beside: str
    cancel: str
    change: str
    claim: str
    claim_few: str
    complete: str
    depart: str
    due: str
    enqueue: str
    enqueue_now: str
    enqueue_undo: str
    expire: str
    find_ended: str
    find_running: str
    find_waiting: str
    flush: str
    forget: str
    get: str
    history: str
    lock: str
    log_add: str
    log_trim: str
    logs: str
    next_due: str
    oldest_ready: str
    pause: str
    pauses: str
    promote: str
    prune_aged: str
    prune_beyond: str
    publish: str
    put: str
    reclaim: str
    recurring_count: str
    recurring_named: str
    recurring_page: str
    renew: str
    report: str
    resume: str
    retry: str
    retry_key: str
    retry_look: str
    run_add: str
    settle: str
    skip: str
    standing: str
    tally_fold: str
    tally_read: str
    tell: str
    types: str
    uptime: str
    workers: str


NOW = "statement_timestamp()"
"""How every statement asks for the time: the server's, once for each statement, and the same for all of
it, so that an index may be searched by it. In a caller's transaction, now() would be of long ago."""
_HEADER = re.compile(r"^-- takes: (.*)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_COMMENT = re.compile(r"--.*$", re.MULTILINE)


def statements() -> Statements:
    """All of them. Raises BrokerRefused for a file that is missing or takes what it does not name."""
    return load(Statements, files("stoker.brokers.postgres") / "sql", ".sql", numbered)


def numbered(name: str, text: str) -> str:
    """The statement with `:name` written as `$N`, N being the name's place in the header `takes:`.

    With its type, as the header says it: drivers guess types, and a list comes as text.
    """
    header = _HEADER.search(text)
    taken = [] if header is None else [word.split() for word in header[1].split(",")]
    written = {parameter: _typed(f"${place}", kind) for place, (parameter, kind) in enumerate(taken, 1)}
    bare = _COMMENT.sub("", text).strip().removesuffix(";")
    if unknown := set(_PARAMETER.findall(bare)) ^ written.keys():
        raise BrokerRefused(f"{name}.sql and its header disagree about {', '.join(sorted(unknown))}")
    return _PARAMETER.sub(lambda found: written[found[1]], bare)


def _typed(parameter: str, kind: str) -> str:
    if kind.endswith("[]"):
        parameter = f"CAST({parameter} AS text)"
    return f"CAST({parameter} AS {kind})"


class ServerTime:
    """The one place where the server's clock gets what a test adds to it."""

    def __init__(self, offset: Offset) -> None:
        self._offset = offset

    @property
    def moved(self) -> bool:
        """Whether statements are others than those in the files."""
        return bool(self._offset.seconds)

    def of(self, statement: str) -> str:
        """The statement, asking for the time as it is now by this offset."""
        seconds = self._offset.seconds
        if not seconds:
            return statement
        return statement.replace(NOW, f"({NOW} + interval '{seconds:f} seconds')")
