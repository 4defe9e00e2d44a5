"""`stoker bench`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stoker.brokers.connecting import without_password
from stoker.daemon.command_line.opening import configured
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_line, print_pairs, print_table

if TYPE_CHECKING:
    from stoker.daemon.measuring.stores import Stores


async def bench(*, thorough: bool = False, options: Printing = PRINTING) -> None:
    """Measure what a daemon does on this machine: how many jobs, how soon, with how much memory.

    With an SQLite broker, daemons run on databases of their own, beside the configured one if that
    exists, so that its disk is measured, else in the folder for temporary files. Any other store is
    measured itself, and must have no jobs: give it a database of its own. No jobs are left in it. What
    else runs meanwhile shows in the figures.

    Parameters
    ----------
    thorough
        Take more jobs, and a minute instead of a quarter of it.
    """
    from stoker.daemon.measuring.figures import QUICK, Sizes, figures
    from stoker.daemon.measuring.machine import machine
    from stoker.daemon.measuring.report import facts, lines, number

    url = configured(options).settings.broker
    folder = _folder(url)
    here = machine(folder)
    async with _stores(url, folder) as stores:
        found = await figures(stores, Sizes() if thorough else QUICK, tell=_tell)
    if options.json:
        print_json({"machine": here, "broker": without_password(url), "figures": lines(found)})
        return
    print_pairs([*facts(here), ("broker", without_password(url))])
    print_line()
    columns = [Column("figure"), Column("value", right=True), Column("unit")]
    print_table(columns, [(line.name, number(line.value), line.unit) for line in lines(found)])


@asynccontextmanager
async def _stores(url: str, folder: Path) -> AsyncIterator["Stores"]:
    from stoker.daemon.measuring.stores import Files, given

    if _is_embedded(url):
        with TemporaryDirectory(prefix="stoker-bench-", dir=folder) as name:
            yield Files(Path(name))
    else:
        async with given(url) as stores:
            yield stores


def _is_embedded(url: str) -> bool:
    """Whether the store lives where the program does: then others of its kind can be made beside it."""
    return url.startswith(("sqlite:", "memory:"))


def _folder(url: str) -> Path:
    """Where the configured database lies, if it does."""
    scheme, _, path = url.partition("///")
    database = Path(unquote(path.partition("?")[0]))
    return database.parent if scheme == "sqlite:" and database.is_file() else Path(gettempdir())


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring {what} …", file=sys.stderr)
