"""`stoker bench`."""

import sys
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import unquote

from stoker.daemon.command_line.opening import configured
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import Column, print_json, print_line, print_pairs, print_table


async def bench(*, thorough: bool = False, options: Printing = PRINTING) -> None:
    """Measure what a daemon does on this machine: how many jobs, how soon, with how much memory.

    Daemons run on databases of their own, beside the configured one if that is an SQLite database that
    exists, so that its disk is measured, else in the folder for temporary files. Nothing else is
    touched, and all of it is removed. What else runs meanwhile shows in the figures.

    Parameters
    ----------
    thorough
        Take more jobs, and a minute instead of a quarter of it.
    """
    from stoker.daemon.measuring.figures import QUICK, Sizes, figures
    from stoker.daemon.measuring.machine import machine
    from stoker.daemon.measuring.report import facts, lines, number

    folder = _folder(options)
    here = machine(folder)
    found = await figures(folder, Sizes() if thorough else QUICK, tell=_tell)
    if options.json:
        print_json({"machine": here, "figures": lines(found)})
        return
    print_pairs(facts(here))
    print_line()
    columns = [Column("figure"), Column("value", right=True), Column("unit")]
    print_table(columns, [(line.name, number(line.value), line.unit) for line in lines(found)])


def _folder(options: Printing) -> Path:
    """Where the configured database lies, if it does."""
    scheme, _, path = configured(options).settings.broker.partition("///")
    database = Path(unquote(path.partition("?")[0]))
    return database.parent if scheme == "sqlite:" and database.is_file() else Path(gettempdir())


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring {what} …", file=sys.stderr)
