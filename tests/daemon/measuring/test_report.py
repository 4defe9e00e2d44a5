import pytest
from msgspec.structs import replace

from stoker.daemon.measuring.figures import Figures
from stoker.daemon.measuring.measures import Delay, Drain, Enqueueing
from stoker.daemon.measuring.report import lines, number
from stoker.daemon.measuring.usage import Usage

CPU = {"stoker-sqlite-writer": 16.0, "MainThread": 14.0, "stoker-keeper": 0.01}
FIGURES = Figures(
    enqueue=Enqueueing(singly=4000.0, in_bulk=60000.0),
    delay=Delay(p50=1.0, p95=2.0, p99=3.0),
    noop=Drain(jobs=100_000, per_second=30000.0, cpu=CPU, after=Usage(54.0, 53.9, {})),
    sleep=Drain(jobs=20_000, per_second=8000.0, cpu={}, after=Usage(55.0, 56.0, {})),
    quiet=Drain(jobs=100_000, per_second=35000.0, cpu={}, after=None),
    idle=42.0,
)


def values(figures: Figures) -> dict[str, float]:
    return {line.name: line.value for line in lines(figures)}


def test_each_figure_is_a_line_of_its_own() -> None:
    assert values(FIGURES) == {
        "enqueue, one by one": 4000.0,
        "enqueue, 1000 at once": 60000.0,
        "drain, no-op": 30000.0,
        "drain, no-op, log of warnings": 35000.0,
        "drain, 10 ms": 8000.0,
        "from enqueue to start, p50": 1.0,
        "from enqueue to start, p95": 2.0,
        "from enqueue to start, p99": 3.0,
        "memory, idle": 42.0,
        "memory, after 100,000 jobs": 54.0,
        "memory, at most": 56.0,
        "CPU of a no-op job": 30.01,
        "… SQLite writer": 16.0,
        "… event loop": 14.0,
    }


def test_what_the_system_does_not_tell_is_left_out() -> None:
    silent = replace(
        FIGURES,
        noop=replace(FIGURES.noop, cpu={}, after=None),
        sleep=replace(FIGURES.sleep, after=None),
        idle=None,
    )
    assert not [name for name in values(silent) if "memory" in name or "CPU" in name]


@pytest.mark.parametrize(
    ("value", "text"), [(31_415.9, "31,416"), (99.96, "100.0"), (14.16, "14.2"), (1.234, "1.23")]
)
def test_a_number_has_the_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text
