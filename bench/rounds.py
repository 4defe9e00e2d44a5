"""The same measures several times: one run says little on a machine that others use as well."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from bare_loop import bare_loop

from stoker.daemon.measuring.figures import Sizes, figures
from stoker.daemon.measuring.report import Line, lines


class Spread(msgspec.Struct, frozen=True):
    """One figure of several rounds."""

    name: str
    median: float
    least: float
    most: float
    unit: str


async def rounds(
    folder: Path, sizes: Sizes, count: int, *, tell: Callable[[str], None]
) -> list[Spread]:
    """Measure so many times, the bare loop each time beside the daemon."""
    found = []
    for number in range(1, count + 1):
        _in_round(tell, number, count)("the bare loop")
        with TemporaryDirectory(prefix="stoker-bench-", dir=folder) as name:
            bare = await bare_loop(Path(name), sizes.drained)
        measured = await figures(folder, sizes, tell=_in_round(tell, number, count))
        found.append([Line("bare loop, the same writes", bare, "jobs/s"), *lines(measured)])
    return spreads(found)


def _in_round(tell: Callable[[str], None], number: int, count: int) -> Callable[[str], None]:
    return lambda what: tell(f"round {number} of {count}: {what}")


def spreads(found: Sequence[Sequence[Line]]) -> list[Spread]:
    """Median, least and most of each figure that all rounds have."""
    by_name: dict[str, list[Line]] = {}
    for line in (line for one in found for line in one):
        by_name.setdefault(line.name, []).append(line)
    return [
        _spread(name, [line.value for line in several], several[0].unit)
        for name, several in by_name.items()
        if len(several) == len(found)
    ]


def _spread(name: str, values: Sequence[float], unit: str) -> Spread:
    return Spread(name, statistics.median(values), min(values), max(values), unit)
