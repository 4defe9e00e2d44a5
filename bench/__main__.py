"""Measure Stoker on this machine: `python bench`, with a table for people or `--json`.

A real daemon (`python -m stoker.daemon run`) with a hundred slots works on each kind of store, and the
process that measures is its producer. Servers are started for it. `stoker bench` is the same for one
store, without rounds, bare loop and parts.

With `--depth` it measures no daemon, but what claims of the brokers take with a million jobs there.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from depths import QUICK as SHALLOWER
from depths import Extent, depths
from parts import parts
from rounds import Found, Spread, rounds
from servers import ENGINES, stores
from turns import Depth

from stoker.daemon.command_line.printing import Column, print_json, print_line, print_pairs, print_table
from stoker.daemon.measuring.figures import QUICK, Sizes
from stoker.daemon.measuring.machine import machine
from stoker.daemon.measuring.report import Line, facts, number
from stoker.daemon.measuring.stores import Stores

NAMES = {"sqlite": "SQLite", "postgres": "Postgres", "redis": "Redis", "valkey": "Valkey"}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench", description="Measure Stoker on this machine.")
    parser.add_argument(
        "--quick", action="store_true", help="one short round; with --depth 100,000 jobs"
    )
    parser.add_argument(
        "--depth", action="store_true", help="measure claims in front of a million jobs"
    )
    parser.add_argument("--rounds", type=int, help="how often to measure all (3)")
    parser.add_argument("--only", type=_engines, default=ENGINES, help="such as postgres,redis")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(gettempdir()),
        help="where the databases are put: its disk is measured",
    )
    return parser.parse_args()


def _engines(text: str) -> tuple[str, ...]:
    if unknown := set(text.split(",")) - set(ENGINES):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(ENGINES)}")
    return tuple(text.split(","))


async def main(asked: argparse.Namespace) -> None:
    here = machine(asked.folder)
    with ExitStack() as running, TemporaryDirectory(prefix="stoker-bench-", dir=asked.folder) as name:
        engines = {engine: running.enter_context(stores(engine, Path(name))) for engine in asked.only}
        found = await (_depths if asked.depth else _figures)(asked, engines)
    if asked.json:
        print_json({"machine": here, **found})
        return
    print_pairs(facts(here))
    for title, by_engine in found.items():
        print_line()
        (_print_depths if asked.depth else _print_table)(title, by_engine)


async def _figures(asked: argparse.Namespace, engines: Mapping[str, Stores]) -> dict[str, Any]:
    sizes = QUICK if asked.quick else Sizes()
    found = await rounds(engines, sizes, asked.rounds or (1 if asked.quick else 3), tell=tell)
    where = {}
    for engine, its in engines.items():
        tell(f"{engine}: where the microseconds go")
        where[engine] = await parts(engine, its, sizes.drained)
    return {"figure": found, "where the microseconds of a no-op job go": where}


async def _depths(asked: argparse.Namespace, engines: Mapping[str, Stores]) -> dict[str, Any]:
    extent = SHALLOWER if asked.quick else Extent()
    return {
        NAMES[engine]: await depths(engine, its, extent, tell=tell) for engine, its in engines.items()
    }


def _print_depths(title: str, found: Sequence[Depth]) -> None:
    """Milliseconds for ten thousand jobs and for the situation, and by what the second is slower."""
    columns = ("claim, of 10,000", "deep", "", "claim and settle, of 10,000", "deep", "")
    print_table(
        [Column(title), *(Column(name, right=True) for name in columns)],
        [(one.name, *_compared(one, "claim"), *_compared(one, "both")) for one in found],
    )


def _compared(one: Depth, name: str) -> tuple[str, str, str]:
    shallow, deep = getattr(one.shallow, name), getattr(one.deep, name)
    return f"{shallow:.2f} ms", f"{deep:.2f} ms", f"{100 * (deep / shallow - 1):+.0f} %"


def _print_table(title: str, found: Found | Mapping[str, Sequence[Line]]) -> None:
    """One line for each figure that any engine has, one column for each engine."""
    cells = {engine: {one.name: one for one in its} for engine, its in found.items()}
    names = list(dict.fromkeys(name for its in cells.values() for name in its))
    print_table(
        [Column(title), *(Column(NAMES[engine], right=True) for engine in cells), Column("unit")],
        [
            (
                name,
                *(_cell(its.get(name)) for its in cells.values()),
                next(its[name].unit for its in cells.values() if name in its),
            )
            for name in names
        ],
    )


def _cell(one: Spread | Line | None) -> str:
    if one is None:
        return ""
    if isinstance(one, Line):
        return number(one.value)
    if one.least == one.most:
        return number(one.median)
    return f"{number(one.median)} ({number(one.least)}-{number(one.most)})"


def tell(what: str) -> None:
    print(f"{what} …", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(options()))
