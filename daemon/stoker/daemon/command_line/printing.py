"""How data reaches standard output: JSON for programs, tables for people."""

import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, cast

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 10_000
"""Columns where there is no terminal: a line is a row, however long."""
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
    whole: bool = False
    """Never cut, whatever the width: what one copies."""
    right: bool = False


def print_json(value: Any) -> None:
    """One document; indented where a person reads it."""
    data = msgspec.json.encode(value)
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    sys.stdout.write(data.decode() + "\n")


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings. On a terminal long cells are cut; elsewhere every row is one whole line."""
    terminal = sys.stdout.isatty()
    table = Table(box=SIMPLE_HEAD if terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="fold" if column.whole else "ellipsis",
        )
    for row in rows:
        table.add_row(*(_cell(value, lines=False) for value in row))
    _print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; those without a value are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
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


def _print(table: Table) -> None:
    if sys.stdout.isatty():
        Console().print(table)
        return
    console = Console(width=WIDE, color_system=None, file=StringIO())
    console.print(table)
    for line in cast(StringIO, console.file).getvalue().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def _cell(value: object, *, lines: bool) -> Text:
    text = "" if value is None else str(value)
    return Text(tame(text, lines=lines), style=_COLOURS.get(text, ""))
