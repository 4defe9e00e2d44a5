"""How data reaches standard output: JSON for programs, tables for people."""

import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, cast

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 10_000
"""Columns that rich is told of: it would cut and fold by itself, ids as well."""
GAP = 2
"""Spaces between columns."""
LEAST = 8
"""Characters that are left of a column that gives way."""
_COLOURS = {
    "pending": "yellow",
    "running": "cyan",
    "retrying": "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
    "skipped": "bright_black",
}


class Column(msgspec.Struct, frozen=True):
    """A column of a table."""

    name: str
    right: bool = False
    gives_way: bool = False
    """Its cells are cut where the terminal is too narrow; those of all others never are."""


def print_json(value: Any) -> None:
    """One document; indented where a person reads it."""
    data = msgspec.json.encode(value)
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    sys.stdout.write(data.decode() + "\n")


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings. A row is one line, which is whole where there is no terminal."""
    cells = [[_cell(value, lines=False) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column in columns:
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=True)
    if sys.stdout.isatty():
        _fit(columns, cells, Console().width)
    for row in cells:
        table.add_row(*row)
    _print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; those without a value are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, value in pairs:
        if value not in (None, ""):
            table.add_row(name, _cell(value, lines=True))
    _print(table)


def print_line(text: str = "") -> None:
    """A line as it is, without what could command a terminal."""
    sys.stdout.write(tame(text) + "\n")


def tame(text: str, *, lines: bool = True) -> str:
    """The text without control characters: what a job says must not command the terminal."""
    if not lines:
        text = " ".join(text.split())
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def _fit(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> None:
    """Cut what may be cut, the widest column first, until the rows fit."""
    widths = [
        max([cell_len(column.name), *(row[index].cell_len for row in rows)])
        for index, column in enumerate(columns)
    ]
    excess = sum(widths) + GAP * (len(columns) - 1) - width
    giving = [index for index, column in enumerate(columns) if column.gives_way]
    for index in sorted(giving, key=lambda index: -widths[index]):
        if excess > 0:
            cut = min(excess, max(0, widths[index] - LEAST))
            excess -= cut
            for row in rows:
                row[index].truncate(widths[index] - cut, overflow="ellipsis")


def _print(table: Table) -> None:
    # A line that is still too long is the terminal's to wrap: so nothing of it is lost.
    if sys.stdout.isatty():
        Console(width=WIDE).print(table)
        return
    console = Console(width=WIDE, color_system=None, file=StringIO())
    console.print(table)
    for line in cast(StringIO, console.file).getvalue().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def _cell(value: object, *, lines: bool) -> Text:
    text = "" if value is None else str(value)
    return Text(tame(text, lines=lines), style=_COLOURS.get(text, ""))
