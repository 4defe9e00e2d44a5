"""Report files: CSV and XLSX, line by line, there whole or not at all."""

import csv
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TextIO

import xlsxwriter

from stoker.handlers.reports.ledger import COLUMNS, Line
from stoker.jobs.errors import InvalidJob

Format = Literal["csv", "xlsx"]

SHEET_ROWS = 1_048_576
"""What a sheet can hold; further lines go to further sheets."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class Lines(Protocol):
    """A report file that is being written."""

    def write(self, line: Line) -> None: ...


def report_path(folder: Path, name: str, format: Format) -> Path:
    """Where a report of this name goes. Raises InvalidJob for a name that could lead elsewhere."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidJob(
            f"{name!r} is no file name for a report: letters, digits, '.', '-' and '_' only, no folders"
        )
    return folder / (name if name.endswith(f".{format}") else f"{name}.{format}")


@contextmanager
def report_file(path: Path, format: Format, part: str) -> Iterator[Lines]:
    """Write a report: under another name until the block ends well, then at `path` at once.

    `part` tells this writing from others of the same report. If the block raises, nothing stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{part}.part")
    try:
        with (_csv if format == "csv" else _xlsx)(temporary) as lines:
            yield lines
        _to_disk(temporary)
        os.replace(temporary, path)
        _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def safe_text(text: str) -> str:
    """Text that a spreadsheet will not take for a formula: such text gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def amount(cents: int) -> str:
    """Cents as units with two digits: -1234 is -12.34."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


class _Csv:
    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def write(self, line: Line) -> None:
        cells = [safe_text(cell) if isinstance(cell, str) else cell for cell in line.cells]
        self._writer.writerow((*cells, amount(line.cents)))


@contextmanager
def _csv(path: Path) -> Iterator[Lines]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _Csv(file)


class _Xlsx:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._money = book.add_format({"num_format": "#,##0.00"})
        self._sheets = 0
        self._turn()

    def write(self, line: Line) -> None:
        if self._row == SHEET_ROWS:
            self._turn()
        for column, cell in enumerate(line.cells):
            if isinstance(cell, str) and cell:
                self._sheet.write_string(self._row, column, safe_text(cell))
            elif isinstance(cell, int):
                self._sheet.write_number(self._row, column, cell)
        self._sheet.write_number(self._row, len(line.cells), line.cents / 100, self._money)
        self._row += 1

    def _turn(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(f"Report {self._sheets}")
        for column, name in enumerate(COLUMNS):
            self._sheet.write_string(0, column, name)
        self._row = 1


@contextmanager
def _xlsx(path: Path) -> Iterator[Lines]:
    # constant_memory: each row leaves memory as the next one begins.
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    try:
        yield _Xlsx(book)
    finally:
        book.close()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
