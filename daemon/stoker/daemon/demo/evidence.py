"""What the demo has found at the end: jobs, mails, files, marks. Inert data."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from stoker.daemon.demo.mix import Planned
from stoker.jobs.job import Job
from stoker.jobs.operating import Counts


class Enqueued(msgspec.Struct, frozen=True):
    """A planned job, the id that stands for it, and whether it is a job of its own."""

    planned: Planned
    id: str
    created: bool


class OutboxRow(msgspec.Struct, frozen=True):
    """What is left of a mail in the outbox."""

    message_id: str
    recipient: str
    status: str
    attempts: int


class ReportFile(msgspec.Struct, frozen=True):
    """A report as it was read back from its file."""

    transactions: Counter[tuple[str, str, str]]
    """Cents, by period, category and status, added up from its transaction lines."""
    subtotals: Counter[tuple[str, str, str]]
    """The same, as the report itself says."""
    rows: int
    difference: str
    """Its own reconciliation."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that there is to judge by."""

    enqueued: tuple[Enqueued, ...]
    jobs: Mapping[str, Job]
    counts: tuple[Counts, ...]
    mails: Counter[tuple[str, str]]
    """How often each Message-ID came to each recipient."""
    outbox: tuple[OutboxRow, ...]
    reports: Mapping[str, ReportFile]
    """By the path that the job answered."""
    marks: frozenset[str]
    transactions: tuple[Any, ...]
    """The data set of the reports, made afresh."""
