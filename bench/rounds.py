"""The same measures several times: one run says little on a machine that others use as well."""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec
from bare_loop import bare_loop

from stoker.daemon.measuring.figures import Sizes, figures
from stoker.daemon.measuring.report import Line, lines
from stoker.daemon.measuring.stores import Stores


class Spread(msgspec.Struct, frozen=True):
    """One figure of several rounds."""

    name: str
    median: float
    least: float
    most: float
    unit: str


Found = Mapping[str, Sequence[Spread]]
"""The figures of each engine."""


async def rounds(
    engines: Mapping[str, Stores], sizes: Sizes, count: int, *, tell: Callable[[str], None]
) -> Found:
    """Measure so many times, each time one engine after the other, and the bare loop beside each."""
    found: dict[str, list[list[Line]]] = {engine: [] for engine in engines}
    for number in range(1, count + 1):
        for engine, stores in engines.items():
            told = _in_round(tell, f"round {number} of {count}, {engine}")
            told("the bare loop")
            async with stores.empty() as store:
                bare = await bare_loop(engine, store, sizes.drained)
            measured = await figures(stores, sizes, tell=told)
            found[engine].append([Line("bare loop, the same writes", bare, "jobs/s"), *lines(measured)])
    return {engine: spreads(several) for engine, several in found.items()}


def _in_round(tell: Callable[[str], None], which: str) -> Callable[[str], None]:
    return lambda what: tell(f"{which}: {what}")


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
