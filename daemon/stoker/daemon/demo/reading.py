"""Reads report files back, without the code that has written them."""

import csv
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from stoker.daemon.demo.evidence import ReportFile

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_report(path: Path) -> ReportFile:
    """What a report says, and what its own lines come to."""
    transactions: Counter[tuple[str, str, str]] = Counter()
    subtotals: Counter[tuple[str, str, str]] = Counter()
    rows = 0
    difference = "missing"
    for line in _csv(path) if path.suffix == ".csv" else _xlsx(path):
        key = (line.get("period", ""), line.get("category", ""), line.get("status", ""))
        cents = round(float(line["amount"]) * 100)
        if line["line"] == "transaction":
            transactions[key] += cents
            rows += 1
        elif line["line"] == "subtotal":
            subtotals[key] += cents
        elif line.get("reference") == "difference":
            difference = f"{line['count']} rows, {cents} cents"
    return ReportFile(transactions, subtotals, rows, difference)


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _xlsx(path: Path) -> Iterator[dict[str, str]]:
    """Straight from the XML in the archive: the cells' letters name the columns."""
    names: dict[str, str] = {}
    with zipfile.ZipFile(path) as book:
        for sheet in sorted(name for name in book.namelist() if "worksheets/sheet" in name):
            with book.open(sheet) as file:
                for _, row in ElementTree.iterparse(file):
                    if row.tag != f"{_SHEET}row":
                        continue
                    cells = {
                        cell.attrib["r"].rstrip("0123456789"): "".join(cell.itertext())
                        for cell in row.iter(f"{_SHEET}c")
                    }
                    if row.attrib["r"] == "1":
                        names = cells
                    else:
                        yield {names[letter]: text for letter, text in cells.items()}
                    row.clear()
