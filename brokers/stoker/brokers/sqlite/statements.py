"""The SQL of every verb, from `sql/`, in the form in which sqlite3 runs it fastest."""

import re
from importlib.resources import files

import msgspec

from stoker.brokers.files import load
from stoker.jobs.errors import BrokerRefused


class Statements(msgspec.Struct, frozen=True):
    """One field per file."""

    cancel_waiting: str
    cancel_wish: str
    claim_lowest: str
    claim_ready: str
    claim_skip: str
    claim_take: str
    detail: str
    enqueue: str
    enqueue_replace: str
    expire: str
    find_running: str
    find_state: str
    get: str
    history: str
    log_add: str
    log_trim: str
    logs: str
    logs_count: str
    next_due: str
    oldest_ready: str
    promote: str
    prune_aged: str
    prune_beyond: str
    prune_gone: str
    queues_ready: str
    reclaim: str
    reclaim_take: str
    reclaim_worker: str
    renew: str
    recurring_add: str
    recurring_change: str
    recurring_due: str
    recurring_named: str
    recurring_next: str
    recurring_page: str
    recurring_remove: str
    report: str
    retry: str
    run_add: str
    settle: str
    settle_alike: str
    skip: str
    standing: str
    tally_fold: str
    tally_read: str
    tally_size: str
    unique_hold: str
    unique_release: str


_HEADER = re.compile(r"^-- takes: (.*)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_COMMENT = re.compile(r"--.*$", re.MULTILINE)


def statements() -> Statements:
    """All of them. Raises BrokerRefused for a file that is missing or takes what it does not name."""
    return load(Statements, files("stoker.brokers.sqlite") / "sql", ".sql", numbered)


def numbered(name: str, text: str) -> str:
    """The statement with `:name` written as `?N`, N being the name's place in the header `takes:`.

    So a file runs by hand with named parameters, and here with plain tuples, which bind faster.
    """
    header = _HEADER.search(text)
    taken = [] if header is None else [word.strip() for word in header[1].split(",")]
    places = {parameter: place for place, parameter in enumerate(taken, 1)}
    bare = _COMMENT.sub("", text).strip()
    if unknown := set(_PARAMETER.findall(bare)) ^ places.keys():
        raise BrokerRefused(f"{name}.sql and its header disagree about {', '.join(sorted(unknown))}")
    return _PARAMETER.sub(lambda found: f"?{places[found[1]]}", bare)
