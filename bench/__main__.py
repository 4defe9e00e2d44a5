"""Measure Stoker on this machine: `python bench`, with a table for people or `--json`.

A real daemon (`python -m stoker.daemon run`) with a hundred slots works on an SQLite database, and the
process that measures is its producer. `stoker bench` is the same without rounds, bare loop and parts.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from parts import parts
from rounds import rounds

from stoker.daemon.command_line.printing import Column, print_json, print_line, print_pairs, print_table
from stoker.daemon.measuring.figures import QUICK, Sizes
from stoker.daemon.measuring.machine import machine
from stoker.daemon.measuring.report import facts, number


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench", description="Measure Stoker on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="how often to measure all (3)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(gettempdir()),
        help="where the databases are put: its disk is measured",
    )
    return parser.parse_args()


async def main(asked: argparse.Namespace) -> None:
    sizes = QUICK if asked.quick else Sizes()
    count = asked.rounds or (1 if asked.quick else 3)
    here = machine(asked.folder)
    found = await rounds(asked.folder, sizes, count, tell=tell)
    tell("where the microseconds go")
    with TemporaryDirectory(prefix="stoker-bench-", dir=asked.folder) as name:
        where = await parts(Path(name), sizes.drained)
    if asked.json:
        print_json({"machine": here, "rounds": count, "figures": found, "parts": where})
        return
    print_pairs(facts(here))
    print_line()
    print_table(
        [
            Column("figure"),
            *(Column(name, right=True) for name in ("median", "from", "to")),
            Column("unit"),
        ],
        [
            (one.name, number(one.median), number(one.least), number(one.most), one.unit)
            for one in found
        ],
    )
    print_line()
    columns = [Column("where the microseconds of a no-op job go"), Column("CPU", right=True)]
    print_table(columns, [(line.name, f"{line.value:.1f} {line.unit}") for line in where])


def tell(what: str) -> None:
    print(f"{what} …", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(options()))
