"""How the demo looks: live on a terminal, a line a second elsewhere, a summary at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from stoker.daemon.demo.checking import Finding
from stoker.jobs.operating import Counts

_STATES = (
    "ready", "delayed", "running", "retrying", "completed", "failed", "cancelled", "skipped"
)  # fmt: skip
PLAIN_EVERY = 1.0
"""Seconds between lines where there is no terminal."""


class Moment(msgspec.Struct, frozen=True):
    """What there is to see at one moment."""

    elapsed: float
    queues: tuple[Counts, ...]
    mails: int
    rate: float
    """Jobs ended per second, over the last second or so."""

    def total(self, state: str) -> int:
        """Over all queues."""
        return sum(getattr(counts, state) for counts in self.queues)


@contextmanager
def display(console: Console) -> Iterator[Callable[[Moment], None]]:
    """Something to show moments with, until the block ends."""
    if not console.is_terminal:
        yield _Lines(console).show
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda moment: live.update(_panel(moment), refresh=True)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -PLAIN_EVERY

    def show(self, moment: Moment) -> None:
        if moment.elapsed - self._last < PLAIN_EVERY:
            return
        self._last = moment.elapsed
        states = "  ".join(f"{state} {moment.total(state)}" for state in _STATES)
        self._console.print(
            f"{moment.elapsed:5.1f} s  {states}  mails {moment.mails}  {moment.rate:.0f}/s",
            highlight=False,
            soft_wrap=True,
        )


def _panel(moment: Moment) -> Group:
    table = Table(title="Stoker demo", title_justify="left")
    table.add_column("queue")
    for state in _STATES:
        table.add_column(state, justify="right")
    for counts in moment.queues:
        table.add_row(counts.queue, *(f"{getattr(counts, state):,}" for state in _STATES))
    table.add_section()
    table.add_row("all", *(f"{moment.total(state):,}" for state in _STATES))
    line = f"{moment.elapsed:.1f} s · {moment.rate:,.0f} jobs/s · {moment.mails:,} mails received"
    return Group(table, line)


def summary(findings: Sequence[Finding]) -> Table:
    """What was expected and what was seen, with a mark for each line."""
    table = Table(title="What became of it", title_justify="left")
    for name in ("what", "expected", "seen", "ok"):
        table.add_column(name)
    for finding in findings:
        style = None if finding.ok else "bold red"
        mark = "yes" if finding.ok else "NO"
        table.add_row(finding.what, finding.expected, finding.seen, mark, style=style)
    return table
